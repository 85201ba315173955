package io.holdfast.consensus.dedup;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.internal.v1.MessageIdRow;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * Where the record with an id went.
 *
 * @param number counts the ids that the partition got to know
 * @param offset of the record; its number in the schedule, if that is where it went
 * @param dueMs null if the record went into the log
 */
public record KnownId(
        long number,
        MessageId id,
        long appendMs,
        long offset,
        @Nullable Long dueMs) {
    MessageIdRow.Builder toRow() {
        ByteBuffer hash = ByteBuffer.allocate(MessageId.BYTES);
        id.write(hash);
        MessageIdRow.Builder row = MessageIdRow.newBuilder()
                .setNumber(number)
                .setHash(UnsafeByteOperations.unsafeWrap(hash.flip()))
                .setAppendMs(appendMs)
                .setOffset(offset);
        return dueMs == null ? row : row.setDueMs(dueMs);
    }

    static KnownId of(MessageIdRow row) {
        return new KnownId(
                row.getNumber(),
                MessageId.read(row.getHash().asReadOnlyByteBuffer()),
                row.getAppendMs(),
                row.getOffset(),
                row.hasDueMs() ? row.getDueMs() : null);
    }
}
