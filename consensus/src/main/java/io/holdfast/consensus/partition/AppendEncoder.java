package io.holdfast.consensus.partition;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.AppendCommand;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.QueueCommand;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * Makes entries of batches. Few bytes go into the Raft log as well as into the segment, since a flush more costs far more
 * than they do (docs/decisions, 22).
 *
 * @param clockMs the leader's
 * @param keepsPayloads whether all nodes understand entries with a payload in the command
 */
record AppendEncoder(LongSupplier clockMs, BooleanSupplier keepsPayloads) {
    static final int KEPT_BYTES_MAX = 16 << 10;

    /** @param queue goes along; null for none */
    PartitionMessage encode(List<BatchAppend> appends, @Nullable QueueCommand queue) {
        PartitionCommand.Builder command = PartitionCommand.newBuilder().setNowMs(clockMs.getAsLong());
        if (queue != null) {
            command.setQueue(queue);
        }
        ByteString data = ByteString.EMPTY;
        if (!appends.isEmpty()) {
            AppendCommand.Builder append = AppendCommand.newBuilder();
            appends.forEach(one -> append.addBatches(one.header()));
            ByteBuffer payload = payload(appends);
            if (payload.hasRemaining() && payload.remaining() <= KEPT_BYTES_MAX && keepsPayloads.getAsBoolean()) {
                append.setPayload(UnsafeByteOperations.unsafeWrap(payload));
                data = PartitionMessage.IN_COMMAND;
            } else {
                data = RaftBytes.of(payload);
            }
            command.setAppend(append);
        }
        return new PartitionMessage(RaftBytes.of(command.build()), data);
    }

    private static ByteBuffer payload(List<BatchAppend> appends) {
        int bytes = appends.stream().mapToInt(BatchAppend::payloadBytes).sum();
        ByteBuffer first = appends.get(0).bytes().duplicate();
        if (appends.size() == 1 && bytes == first.remaining()) {
            return first;
        }
        ByteBuffer all = ByteBuffer.allocate(bytes);
        for (BatchAppend one : appends) {
            if (one.payloadBytes() > 0) {
                all.put(one.bytes().duplicate());
            }
        }
        return all.flip();
    }
}
