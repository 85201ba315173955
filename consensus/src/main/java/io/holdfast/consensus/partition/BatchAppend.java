package io.holdfast.consensus.partition;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.consensus.schedule.ScheduledRecord;
import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.internal.v1.ScheduledBatch;
import io.holdfast.record.RecordBatch;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A verified batch that somebody wants stored.
 *
 * @param bytes the batch, as the client sent it; kept until it is applied
 * @param sequence whose it is and its place in that producer's order; null if the producer does not care
 * @param expectedOffset append only if the log ends here; null for anywhere
 * @param dueMs keep it until then, it has one record; null to append it
 * @param from append it if and only if it is still kept here; null if it comes from outside
 */
public record BatchAppend(
        ByteBuffer bytes,
        @Nullable Sequence sequence,
        @Nullable Long expectedOffset,
        @Nullable Long dueMs,
        @Nullable SchedulePosition from) {

    /** @param epoch unsigned */
    public record Sequence(long producerId, int epoch, long first) {}

    public static BatchAppend toLog(ByteBuffer bytes, @Nullable Sequence sequence, @Nullable Long expectedOffset) {
        return new BatchAppend(bytes, sequence, expectedOffset, null, null);
    }

    public static BatchAppend toSchedule(ByteBuffer bytes, @Nullable Sequence sequence, long dueMs) {
        return new BatchAppend(bytes, sequence, null, dueMs, null);
    }

    static BatchAppend fromSchedule(ScheduledRecord record) {
        return new BatchAppend(record.batch(), null, null, null, record.position());
    }

    /** Bytes of it that go into the segment. */
    int payloadBytes() {
        return dueMs == null ? bytes.remaining() : 0;
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
        if (expectedOffset != null) {
            header.setExpectedOffset(expectedOffset);
        }
        if (dueMs != null) {
            header.setScheduled(ScheduledBatch.newBuilder()
                    .setDueMs(dueMs)
                    .setBatch(UnsafeByteOperations.unsafeWrap(bytes.duplicate())));
        }
        if (from != null) {
            header.setDue(from.toKey());
        }
        return header.build();
    }
}
