package io.holdfast.consensus.partition;

import io.holdfast.consensus.schedule.ScheduleLane;
import io.holdfast.consensus.schedule.SchedulePartition;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.consensus.schedule.ScheduleResources;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.consensus.schedule.ScheduledRecord;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A replica's records that are kept for later: what {@link ScheduleLane} needs of the replica, and what operators may ask.
 * A partition may rest meanwhile; whoever lets time pass wakes it in time.
 */
public final class ReplicaSchedule extends ReplicaLeadership implements SchedulePartition {
    /** What is due so soon keeps the partition awake. */
    private static final long SOON_MS = 10_000;

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
        return replica().cancelScheduled(positions);
    }

    @Override
    public long earliestMs() {
        ScheduleTable table = replica().scheduleTable();
        return table == null ? Long.MAX_VALUE : table.earliestMs();
    }

    /** How many records are kept here. */
    public long records() {
        ScheduleTable table = replica().scheduleTable();
        return table == null ? 0 : table.records();
    }

    /** Bytes of the records that are kept here. */
    public long bytes() {
        ScheduleTable table = replica().scheduleTable();
        return table == null ? 0 : table.bytes();
    }

    @Override
    public <T> T ask(Question<T> question) {
        return replica().askSchedule(question);
    }

    @Override
    public CompletableFuture<Long> append(ScheduledRecord record) {
        BatchAppend append = new BatchAppend(record.batch(), null, BatchAppend.Terms.from(record.position()));
        return replica().append(append).thenApply(AppendResult::appendTimeMs);
    }
}
