package io.holdfast.consensus.partition;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.AppendCommand;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.QueueCommand;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * Makes entries of a partition's batches. Few bytes go into the Raft log as well as into the segment, since a flush more
 * costs far more than they do, unless so much is appended that entries should rather be fewer and larger (docs/decisions,
 * 22). Any thread.
 */
final class AppendEncoder {
    static final int KEPT_BYTES_MAX = 32 << 10;
    static final long KEPT_BYTES_PER_SECOND = 2 << 20;
    /** How much may come at once, and how soon a time of much is forgotten. */
    private static final long PATIENCE_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final LongSupplier clockMs;
    private final LongSupplier nanos;
    private final BooleanSupplier keepsPayloads;
    /** When, at that rate, all that was appended would have been. */
    private long doneNanos;

    /**
     * @param clockMs the leader's
     * @param nanos monotonic
     * @param keepsPayloads whether all nodes understand entries with a payload in the command
     */
    AppendEncoder(LongSupplier clockMs, LongSupplier nanos, BooleanSupplier keepsPayloads) {
        this.clockMs = clockMs;
        this.nanos = nanos;
        this.keepsPayloads = keepsPayloads;
        this.doneNanos = nanos.getAsLong() - PATIENCE_NANOS;
    }

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
            if (isKept(payload.remaining()) && keepsPayloads.getAsBoolean()) {
                append.setPayload(UnsafeByteOperations.unsafeWrap(payload));
                data = PartitionMessage.IN_COMMAND;
            } else {
                data = RaftBytes.of(payload);
            }
            command.setAppend(append);
        }
        return new PartitionMessage(RaftBytes.of(command.build()), data);
    }

    private synchronized boolean isKept(int bytes) {
        long now = nanos.getAsLong();
        boolean isSlow = doneNanos - now <= 0;
        long from = Math.max(doneNanos - now, -PATIENCE_NANOS);
        long took = bytes * TimeUnit.SECONDS.toNanos(1) / KEPT_BYTES_PER_SECOND;
        doneNanos = now + Math.min(from + took, PATIENCE_NANOS);
        return bytes > 0 && bytes <= KEPT_BYTES_MAX && isSlow;
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
