package io.holdfast.node.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.queue.QueueLane;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Rounds;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Lets time pass in the queue groups of this node's partitions: leases end, retries come due, dead records move on. Once a
 * second it also looks for members that wait although there is something for them, which should never be: it counts
 * them, and wakes them.
 */
final class QueueTicker implements AutoCloseable {
    private static final long TICK_MS = 50;
    private static final long GATE_ROUND_MS = 200;
    private static final long WATCH_MS = 1000;

    private final ClusterState state;
    private final DeadLetterMover mover;
    private final QueueMetrics metrics;
    private final List<Rounds> rounds;

    QueueTicker(
            ClusterState state,
            DeadLetterMover mover,
            Runnable gateRound,
            QueueMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.mover = mover;
        this.metrics = metrics;
        rounds = List.of(
                new Rounds(this::tick, () -> !state.openReplicas().isEmpty(), TICK_MS, executor, timer),
                new Rounds(gateRound, GATE_ROUND_MS, executor, timer),
                new Rounds(this::watch, WATCH_MS, executor, timer));
    }

    private void tick() {
        for (PartitionReplica replica : state.openReplicas()) {
            QueueLane lane = replica.queues().lane();
            try {
                if (lane.isActive() && replica.isOpen()) {
                    lane.tick();
                    mover.move(replica);
                }
            } catch (Refusal closedMeanwhile) {
                // The next leader goes on with what is left.
            }
        }
    }

    private void watch() {
        for (PartitionReplica replica : state.replicas().values()) {
            QueueLane lane = replica.queues().lane();
            if (lane.waiters() > 0) {
                metrics.stalls.inc(lane.wakeStalled());
            }
        }
    }

    @Override
    public void close() {
        rounds.forEach(Rounds::close);
    }
}
