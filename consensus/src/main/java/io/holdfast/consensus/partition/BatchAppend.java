package io.holdfast.consensus.partition;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.dedup.MessageId;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.internal.v1.MessageIds;
import io.holdfast.internal.v1.ScheduledBatch;
import io.holdfast.record.RecordBatch;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A verified batch that somebody wants stored.
 *
 * @param bytes the batch, as the client sent it; kept until it is applied
 * @param sequence whose it is and its place in that producer's order; null if the producer does not care
 */
public record BatchAppend(ByteBuffer bytes, @Nullable Sequence sequence, Terms terms) {
    private static final int HEADER_BYTES = 112;

    /** @param epoch unsigned */
    public record Sequence(long producerId, int epoch, long first) {}

    /**
     * On what terms a batch is stored, and where.
     *
     * @param expectedOffset only if the log ends here; null for anywhere
     * @param dueMs in the schedule until then, it has one record; null for the log
     * @param from out of the schedule, if it is still there; null if it comes from outside
     * @param ids of its records, one for each; null if they may be stored as often as they come
     * @param keysVersion as of which the partition was chosen by key; null if any key will do
     */
    public record Terms(
            @Nullable Long expectedOffset,
            @Nullable Long dueMs,
            @Nullable SchedulePosition from,
            @Nullable Ids ids,
            @Nullable Long keysVersion) {
        /** At the end of the log, whatever is there. */
        public static final Terms NONE = new Terms(null, null, null, null, null);

        static Terms from(SchedulePosition position) {
            return new Terms(null, null, position, null, null);
        }

        public Terms withExpectedOffset(@Nullable Long offset) {
            return new Terms(offset, dueMs, from, ids, keysVersion);
        }

        public Terms withDueMs(@Nullable Long newDueMs) {
            return new Terms(expectedOffset, newDueMs, from, ids, keysVersion);
        }

        public Terms withIds(@Nullable Ids newIds) {
            return new Terms(expectedOffset, dueMs, from, newIds, keysVersion);
        }

        public Terms withKeysVersion(@Nullable Long version) {
            return new Terms(expectedOffset, dueMs, from, ids, version);
        }
    }

    /** @param windowMs how long an id is known */
    public record Ids(List<MessageId> ids, long windowMs) {
        MessageIds toHeader() {
            ByteBuffer hashes = ByteBuffer.allocate(ids.size() * MessageId.BYTES);
            ids.forEach(id -> id.write(hashes));
            return MessageIds.newBuilder()
                    .setHashes(UnsafeByteOperations.unsafeWrap(hashes.flip()))
                    .setWindowMs(windowMs)
                    .build();
        }
    }

    int recordCount() {
        return new RecordBatch(bytes).recordCount();
    }

    /** Bytes of it that go into the segment. */
    int payloadBytes() {
        return terms.dueMs == null ? bytes.remaining() : 0;
    }

    /** Bytes that an entry takes because of it, besides the batch; about. */
    int headerBytes() {
        Ids ids = terms.ids;
        return HEADER_BYTES + (ids == null ? 0 : ids.ids.size() * MessageId.BYTES);
    }

    BatchHeader header() {
        RecordBatch batch = new RecordBatch(bytes);
        BatchHeader.Builder header = BatchHeader.newBuilder()
                .setSize(batch.sizeInBytes())
                .setRecordCount(batch.recordCount())
                .setCrc(batch.crc())
                .setMaxTimestampMs(batch.maxTimestampMs());
        if (sequence != null) {
            header.setProducerId(sequence.producerId())
                    .setProducerEpoch(sequence.epoch())
                    .setFirstSequence(sequence.first());
        }
        if (terms.expectedOffset != null) {
            header.setExpectedOffset(terms.expectedOffset);
        }
        if (terms.dueMs != null) {
            header.setScheduled(ScheduledBatch.newBuilder()
                    .setDueMs(terms.dueMs)
                    .setBatch(UnsafeByteOperations.unsafeWrap(bytes.duplicate())));
        }
        if (terms.from != null) {
            header.setDue(terms.from.toKey());
        }
        if (terms.keysVersion != null) {
            header.setKeysVersion(terms.keysVersion);
        }
        if (terms.ids != null) {
            header.setMessageIds(terms.ids.toHeader());
        }
        return header.build();
    }
}
