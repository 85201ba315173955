package io.holdfast.consensus.partition;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.schedule.ScheduleLane;
import io.holdfast.consensus.schedule.SchedulePartition;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.consensus.schedule.ScheduleResources;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.consensus.schedule.ScheduledRecord;
import io.holdfast.internal.v1.CancelCommand;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.ToLongFunction;

/**
 * A replica's records that are kept for later: what {@link ScheduleLane} needs of the replica, and what operators may ask.
 * A partition may rest meanwhile; whoever lets time pass wakes it in time.
 */
public final class ReplicaSchedule extends ReplicaLeadership implements SchedulePartition {
    /** What is due so soon keeps the partition awake. */
    private static final long SOON_MS = 5_000;

    private final ScheduleResources resources;
    private final ScheduleLane lane;

    ReplicaSchedule(PartitionReplica replica, ScheduleResources resources) {
        super(replica);
        this.resources = resources;
        lane = new ScheduleLane(this, resources);
    }

    public ScheduleLane lane() {
        return lane;
    }

    /** Whether the partition had better stay awake. */
    boolean isActive() {
        return earliestMs() < resources.clockMs().getAsLong() + SOON_MS;
    }

    /** Forgets records; completes with which of them were kept until now. */
    public CompletableFuture<List<Boolean>> cancel(List<SchedulePosition> positions) {
        CancelCommand.Builder cancel = CancelCommand.newBuilder();
        positions.forEach(position -> cancel.addKeys(position.toKey()));
        return replica()
                .awake()
                .thenCompose(ok -> replica().propose(entry -> entry.setCancel(cancel)))
                .thenApply(reply -> {
                    if (reply.getCancelledCount() != positions.size()) {
                        throw Refusal.replacedMeanwhile();
                    }
                    return reply.getCancelledList();
                });
    }

    @Override
    public long earliestMs() {
        return table(ScheduleTable::earliestMs, Long.MAX_VALUE);
    }

    /** How many records are kept here. */
    public long records() {
        return table(ScheduleTable::records, 0);
    }

    /** Bytes of the records that are kept here. */
    public long bytes() {
        return table(ScheduleTable::bytes, 0);
    }

    /** A question that any thread may ask of the table at any time. */
    private long table(ToLongFunction<ScheduleTable> question, long whileItIsOpened) {
        try {
            return replica()
                    .ask(
                            open -> question.applyAsLong(open.schedule()),
                            atRest -> question.applyAsLong(atRest.schedule()));
        } catch (Refusal neitherOpenNorAtRest) {
            return whileItIsOpened;
        }
    }

    /** At rest, the answer comes from what was stored. */
    @Override
    public <T> T ask(Question<T> question) {
        return replica()
                .ask(open -> open.ask(state -> question.of(state.schedule())), atRest -> atRest.schedule(question));
    }

    @Override
    public CompletableFuture<Long> append(ScheduledRecord record) {
        BatchAppend append = new BatchAppend(record.batch(), null, BatchAppend.Terms.from(record.position()));
        return replica().append(append).thenApply(AppendResult::appendTimeMs);
    }
}
