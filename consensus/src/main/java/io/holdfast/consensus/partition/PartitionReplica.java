package io.holdfast.consensus.partition;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.consensus.raft.RaftFailures;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.internal.v1.EvictProducersCommand;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.ProducerRow;
import io.holdfast.internal.v1.TrimCommand;
import io.holdfast.storage.log.DamagedLogException;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.storage.log.OffsetOutOfRangeException;
import io.holdfast.v1.ErrorReason;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.LongSupplier;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * A partition on this node: appends if it leads, reads in any case. Any thread; nothing here blocks, except
 * {@link #sendCheckpoint} and reads, which wait for the local disk only. Every failure is a {@link Refusal}.
 */
public final class PartitionReplica {
    private final RaftGroupHandle group;
    private final PartitionMachine machine;
    private final IntFunction<String> addressOf;
    private final LongSupplier clockMs;
    private final AppendQueue appends;
    private final ReadBarriers barriers;

    PartitionReplica(
            RaftGroupHandle group,
            PartitionMachine machine,
            IntFunction<String> addressOf,
            LongSupplier clockMs,
            EntryPacing pacing,
            int entryBytesMax,
            ByteBudget partitionBudget,
            ByteBudget nodeBudget) {
        this.group = group;
        this.machine = machine;
        this.addressOf = addressOf;
        this.clockMs = clockMs;
        this.appends = new AppendQueue(this::propose, pacing, entryBytesMax, partitionBudget, nodeBudget, clockMs);
        this.barriers = new ReadBarriers(group);
    }

    public RaftGroupHandle group() {
        return group;
    }

    public @Nullable String damage() {
        return machine.damage() != null ? machine.damage() : group.isAlive() ? null : "the replica has stopped";
    }

    // ---- appends

    /** Appends a batch; completes when a majority has it on disk and this replica has applied it. */
    public CompletableFuture<AppendResult> append(BatchAppend batch) {
        if (!group.isLeader()) {
            return CompletableFuture.failedFuture(RaftFailures.notLeader(group, addressOf, false));
        }
        return appends.offer(batch);
    }

    /** Makes the log start at this offset; completes with where it starts now. */
    public CompletableFuture<Long> trim(long beforeOffset) {
        if (beforeOffset > machine.highWatermark().value()) {
            return CompletableFuture.failedFuture(outOfRange(beforeOffset));
        }
        return propose(command()
                        .setTrim(TrimCommand.newBuilder().setBeforeOffset(beforeOffset))
                        .build())
                .thenApply(PartitionReply::getLogStartOffset);
    }

    /**
     * Writes an entry that changes nothing. On an idle group Ratis may not notice that a new member has caught up
     * until there is another entry to send.
     */
    public void nudge() {
        propose(command().setTrim(TrimCommand.newBuilder().setBeforeOffset(0)).build());
    }

    /** Forgets producers that have been idle too long, or are too many. A no-op on followers. */
    public void evictProducers(long idleMs, long namedIdleMs, int cap) {
        if (!group.isReadyLeader()) {
            return;
        }
        List<Long> evictable = machine.evictableProducers(clockMs.getAsLong(), idleMs, namedIdleMs, cap);
        if (!evictable.isEmpty()) {
            propose(command()
                    .setEvictProducers(EvictProducersCommand.newBuilder().addAllProducerIds(evictable))
                    .build());
        }
    }

    private PartitionCommand.Builder command() {
        return PartitionCommand.newBuilder().setNowMs(clockMs.getAsLong());
    }

    private CompletableFuture<PartitionReply> propose(PartitionCommand command) {
        return propose(new PartitionMessage(RaftBytes.of(command), ByteString.EMPTY));
    }

    private CompletableFuture<PartitionReply> propose(PartitionMessage message) {
        CompletableFuture<PartitionReply> result = new CompletableFuture<>();
        group.propose(message).whenComplete((reply, failure) -> {
            Refusal refusal = RaftFailures.refusal(group, addressOf, reply, failure, message.isAppended());
            if (refusal != null) {
                result.completeExceptionally(refusal);
            } else {
                result.complete(
                        AppendQueue.parse(RaftBytes.buffer(reply.getMessage().getContent())));
            }
        });
        return result;
    }

    // ---- reads

    public long highWatermark() {
        return machine.highWatermark().value();
    }

    public long startOffset() {
        return machine.log().startOffset();
    }

    /**
     * Runs {@code wake} once the record at this offset can be read: now, or later on the apply thread, so it must only
     * hand over.
     *
     * @return run it to wait no longer; harmless afterwards
     */
    public Runnable whenReadable(long offset, Runnable wake) {
        return machine.highWatermark().whenPassed(offset, wake);
    }

    /** Reads that wait for records here. */
    public int waiters() {
        return machine.highWatermark().waiters();
    }

    /** After this, a read here sees every write that was acknowledged, anywhere, before the call. */
    public CompletableFuture<Void> barrier() {
        return barriers.fresh(addressOf);
    }

    /** After this, a read here is at most this far behind what was acknowledged. */
    public CompletableFuture<Void> barrier(long stalenessNanosMax) {
        return barriers.within(stalenessNanosMax, addressOf);
    }

    /** Whole batches from this offset on; see {@link io.holdfast.storage.log.PartitionLog#read}. */
    public LogSlice read(long offset, long untilOffset, int bytesMax) {
        try {
            return machine.log().read(offset, untilOffset, bytesMax);
        } catch (OffsetOutOfRangeException e) {
            throw outOfRange(offset);
        } catch (IOException e) {
            throw damaged(e);
        }
    }

    /** Offset of the first record appended at or after this time, or the high watermark. */
    public long offsetAt(long timeMs) {
        try {
            return machine.log().offsetAt(timeMs);
        } catch (IOException e) {
            throw damaged(e);
        }
    }

    private Refusal outOfRange(long offset) {
        long start = startOffset();
        long end = highWatermark();
        return Refusal.of(
                ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE,
                "start between " + start + " and " + end + ": offset " + Long.toUnsignedString(offset)
                        + " is not in the log",
                Map.of("log_start_offset", Long.toString(start), "high_watermark", Long.toString(end)));
    }

    private static Refusal damaged(IOException e) {
        if (e instanceof DamagedLogException) {
            return Refusal.of(
                    ErrorReason.ERROR_REASON_DATA_DAMAGED,
                    "ask another replica: this one holds damaged bytes there: " + e.getMessage());
        }
        return Refusal.of(
                ErrorReason.ERROR_REASON_UNAVAILABLE, "try again: the log is being replaced: " + e.getMessage());
    }

    /** What this replica knows of a producer; null if nothing. */
    public @Nullable ProducerRow producer(long producerId) {
        return machine.producer(producerId);
    }

    /** Streams the last checkpoint to a replica that is far behind; blocks until it is sent. */
    public void sendCheckpoint(long minIndex, Consumer<FetchCheckpointResponse> part) throws IOException {
        machine.sendCheckpoint(minIndex, part);
    }

    // ---- figures

    public long bytesOnDisk() {
        return machine.log().bytesOnDisk();
    }

    public long bytesWritten() {
        return machine.log().bytesWritten();
    }

    public long flushes() {
        return machine.log().flushes();
    }
}
