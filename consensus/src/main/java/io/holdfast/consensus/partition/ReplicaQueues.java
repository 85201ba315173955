package io.holdfast.consensus.partition;

import io.holdfast.consensus.queue.AcquireTerms;
import io.holdfast.consensus.queue.LeasedRecord;
import io.holdfast.consensus.queue.QueueLane;
import io.holdfast.consensus.queue.QueuePartition;
import io.holdfast.consensus.queue.QueueResources;
import io.holdfast.consensus.queue.QueueTable;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.storage.log.LogSlice;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A replica's queue groups: what {@link QueueLane} needs of the replica, and what members may ask of one that is at
 * rest. A group that has everything settled does not keep its partition awake, nor does a member that waits.
 */
public final class ReplicaQueues extends ReplicaLeadership implements QueuePartition, AppendQueue.Companion {
    private final QueueLane lane;
    private final BooleanSupplier sharesEntries;
    private final Executor executor;

    ReplicaQueues(PartitionReplica replica, QueueResources resources) {
        super(replica);
        lane = new QueueLane(this, resources);
        sharesEntries = resources.sharesEntries();
        executor = resources.executor();
    }

    /** Of a replica that leads. */
    public QueueLane lane() {
        return lane;
    }

    /** See {@link QueueLane#acquire}; wakes the group if there may be something to lease. */
    public CompletableFuture<List<LeasedRecord>> acquire(
            long groupId, String member, AcquireTerms terms, boolean early) {
        CompletableFuture<Boolean> nothing = replica().isAtRest() && isSettledAtRest(groupId)
                ? replica().barrier().thenApply(ok -> replica().isAtRest() && isSettledAtRest(groupId))
                : CompletableFuture.completedFuture(false);
        return nothing.thenCompose(confirmed -> confirmed
                ? CompletableFuture.completedFuture(List.of())
                : whenAwake().thenCompose(ok -> lane.acquire(groupId, member, terms, early)));
    }

    /** See {@link QueueLane#whenReady}; at rest, waits for the next record. */
    public CompletableFuture<List<LeasedRecord>> whenReady(long groupId, String member, AcquireTerms terms) {
        if (replica().isOpen() && replica().isSettled()) {
            return lane.whenReady(groupId, member, terms);
        }
        if (!isSettledAtRest(groupId)) {
            return CompletableFuture.completedFuture(List.of()); // the next acquire wakes it
        }
        CompletableFuture<List<LeasedRecord>> ready = new CompletableFuture<>();
        // On the executor: whoever writes to the log must not do what comes next.
        Runnable stop = replica()
                .whenReadable(replica().highWatermark(), () -> executor.execute(() -> ready.complete(List.of())));
        ready.whenComplete((ok, failure) -> stop.run());
        return ready;
    }

    /** Completes when the replica is open and a leader is known; to ask that is no use, which would keep it from rest. */
    public CompletableFuture<Void> whenAwake() {
        return replica().isOpen() && replica().isSettled()
                ? CompletableFuture.completedFuture(null)
                : replica().awake();
    }

    private boolean isSettledAtRest(long groupId) {
        return replica().ask(open -> false, atRest -> {
            QueueRow row = atRest.queue(groupId);
            return row != null
                    && row.getNext() == replica().highWatermark()
                    && row.getRunsCount() == 0
                    && row.getDeadCount() == 0;
        });
    }

    // ---- for the appends

    @Override
    public QueueLane.@Nullable Along along() {
        return sharesEntries.getAsBoolean() ? lane.along() : null;
    }

    @Override
    public boolean isAwaited() {
        return lane.isAwaited();
    }

    // ---- for the lane

    @Override
    public GroupId group() {
        return replica().group().group();
    }

    @Override
    public CompletableFuture<List<QueueResult>> propose(QueueCommand command) {
        CompletableFuture<PartitionReply> reply = sharesEntries.getAsBoolean()
                ? replica().proposeWithAppends(command)
                : replica().propose(entry -> entry.setQueue(command));
        return reply.thenApply(PartitionReply::getQueueList);
    }

    @Override
    public void proceed() {
        replica().proposeAppends();
    }

    @Override
    public long bytesBeingAppended() {
        return replica().bytesBeingAppended();
    }

    @Override
    public boolean isAppendingOften() {
        return sharesEntries.getAsBoolean() && replica().isAppendingOften();
    }

    @Override
    public <T> T ask(Function<QueueTable, T> question) {
        return replica()
                .ask(
                        open -> open.ask(state -> question.apply(state.queues())),
                        atRest -> question.apply(atRest.queues()));
    }

    @Override
    public LogSlice read(long offset, long untilOffset, int bytesMax) {
        return replica().log().read(offset, untilOffset, bytesMax);
    }

    @Override
    public long startOffset() {
        return replica().log().startOffset();
    }

    @Override
    public long highWatermark() {
        return replica().highWatermark();
    }

    @Override
    public long offsetAt(long timeMs) {
        return replica().log().offsetAt(timeMs);
    }

    @Override
    public Runnable whenReadable(long offset, Runnable wake) {
        return replica().whenReadable(offset, wake);
    }
}
