package io.holdfast.consensus.partition;

import io.holdfast.consensus.partition.BatchAppend.Terms;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.AppendCommand;
import io.holdfast.internal.v1.BatchReply;
import io.holdfast.internal.v1.BatchResult;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.record.RecordBatch;
import java.nio.ByteBuffer;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The entry that puts batches of a backup back into a log. */
final class RestoredBatches {
    private RestoredBatches() {}

    /** @param skipFrom null, or where a log must end that shall go on at the first offset */
    static PartitionMessage message(
            @Nullable Long skipFrom, long firstOffset, long appendMs, List<ByteBuffer> batches) {
        AppendCommand.Builder append = AppendCommand.newBuilder().setBeginOffset(firstOffset);
        if (skipFrom != null) {
            append.setSkipFrom(skipFrom);
        }
        ByteBuffer payload = ByteBuffer.allocate(
                batches.stream().mapToInt(ByteBuffer::remaining).sum());
        long offset = firstOffset;
        for (ByteBuffer batch : batches) {
            append.addBatches(new BatchAppend(batch, null, Terms.NONE.withExpectedOffset(offset))
                    .header().toBuilder().setRecordCount(new RecordBatch(batch).offsetCount()));
            payload.put(batch.duplicate());
            offset += new RecordBatch(batch).offsetCount();
        }
        // The entry's clock is that of then: a partition's time is the latest that any entry told.
        PartitionCommand command = PartitionCommand.newBuilder()
                .setNowMs(appendMs)
                .setAppend(append)
                .build();
        return new PartitionMessage(RaftBytes.of(command), RaftBytes.of(payload.flip()));
    }

    /** If the first fits then all do. */
    static long end(PartitionReply reply) {
        for (BatchReply batch : reply.getBatchesList()) {
            if (batch.getResult() != BatchResult.BATCH_RESULT_APPENDED) {
                throw BatchReplies.refusal(batch);
            }
        }
        return reply.getHighWatermark();
    }
}
