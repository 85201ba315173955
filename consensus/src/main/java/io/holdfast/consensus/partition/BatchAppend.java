package io.holdfast.consensus.partition;

import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.record.RecordBatch;
import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A verified batch that somebody wants appended.
 *
 * @param bytes the batch, as the client sent it; kept until it is applied
 * @param sequence whose it is and its place in that producer's order; null if the producer does not care
 * @param expectedOffset append only if the log ends here; null for anywhere
 */
public record BatchAppend(
        ByteBuffer bytes,
        @Nullable Sequence sequence,
        @Nullable Long expectedOffset) {

    /** @param epoch unsigned */
    public record Sequence(long producerId, int epoch, long first) {}

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
        return header.build();
    }
}
