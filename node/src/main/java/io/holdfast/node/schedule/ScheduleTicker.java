package io.holdfast.node.schedule;

import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.partition.ReplicaSchedule;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Rounds;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
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
    private static final long LOOK_AT_REST_MS = 500;
    private static final long WAKE_AHEAD_MS = 2_500;
    private static final long WAKE_FOR_OTHERS_MS = 2_000;
    private static final long WAKE_AGAIN_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final ClusterState state;
    private final LongSupplier clockMs;
    private final List<Rounds> rounds;
    /** When partitions at rest were last asked to wake. */
    private final Map<GroupId, Long> wokenNanos = new ConcurrentHashMap<>();

    ScheduleTicker(ClusterState state, LongSupplier clockMs, Executor executor, ScheduledExecutorService timer) {
        this.state = state;
        this.clockMs = clockMs;
        rounds = List.of(
                new Rounds(this::tick, () -> !state.openReplicas().isEmpty(), TICK_MS, executor, timer),
                new Rounds(this::wakeResting, LOOK_AT_REST_MS, executor, timer));
    }

    private void tick() {
        long soon = clockMs.getAsLong() + WAKE_AHEAD_MS;
        for (PartitionReplica replica : state.openReplicas()) {
            ReplicaSchedule schedule = replica.schedule();
            if (schedule.earliestMs() <= soon && replica.isOpen()) {
                wokenNanos.remove(replica.group().group());
                schedule.lane().tick();
            }
        }
    }

    private void wakeResting() {
        long now = clockMs.getAsLong();
        state.replicas().forEach((group, replica) -> {
            long earliest = replica.schedule().earliestMs();
            boolean mine = earliest <= now + WAKE_AHEAD_MS && state.leader(group) == state.nodeId();
            if (!replica.isOpen() && (mine || earliest < now - WAKE_FOR_OTHERS_MS)) {
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
        rounds.forEach(Rounds::close);
    }
}
