package io.holdfast.node.schedule;

import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.partition.ReplicaSchedule;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Rounds;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;

/**
 * Lets time pass for the records that this node's partitions keep for later. A partition at rest is woken shortly before
 * something is due: by the node that should lead it, or, if that does not, by any.
 */
final class ScheduleTicker implements AutoCloseable {
    private static final long TICK_MS = 50;
    private static final long WAKE_AHEAD_MS = 2_000;
    private static final long WAKE_FOR_OTHERS_MS = 2_000;
    private static final long WAKE_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final ClusterState state;
    private final LongSupplier clockMs;
    private final Rounds rounds;
    /** When partitions at rest were last asked to wake. One thread at a time. */
    private final Map<GroupId, Long> wokenNanos = new HashMap<>();

    ScheduleTicker(ClusterState state, LongSupplier clockMs, Executor executor, ScheduledExecutorService timer) {
        this.state = state;
        this.clockMs = clockMs;
        rounds = new Rounds(this::tick, TICK_MS, executor, timer);
    }

    private void tick() {
        long now = clockMs.getAsLong();
        state.replicas().forEach((group, replica) -> {
            ReplicaSchedule schedule = replica.schedule();
            if (schedule.earliestMs() > now + WAKE_AHEAD_MS) {
                return;
            }
            if (replica.isOpen()) {
                wokenNanos.remove(group);
                schedule.lane().tick();
            } else if (state.leader(group) == state.nodeId() || schedule.earliestMs() < now - WAKE_FOR_OTHERS_MS) {
                wake(group, replica);
            }
        });
    }

    private void wake(GroupId group, PartitionReplica replica) {
        long now = System.nanoTime();
        Long before = wokenNanos.get(group);
        if (before == null || now - before > WAKE_AGAIN_NANOS) {
            wokenNanos.put(group, now);
            replica.awake();
        }
    }

    @Override
    public void close() {
        rounds.close();
    }
}
