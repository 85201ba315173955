package io.holdfast.node.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.queue.QueueLane;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Rounds;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/**
 * Lets time pass in the queue groups of this node's partitions: leases end, retries come due, dead records move on. Once a
 * second it also looks for members that wait although there is something for them, which should never be: it counts
 * them, and wakes them.
 */
final class QueueTicker implements AutoCloseable {
    private static final long TICK_MS = 50;
    private static final int TICKS_PER_WATCH = 20;
    private static final int TICKS_PER_GATE_ROUND = 4;

    private final ClusterState state;
    private final DeadLetterMover mover;
    private final Runnable gateRound;
    private final QueueMetrics metrics;
    private final Rounds rounds;
    private int ticks;

    QueueTicker(
            ClusterState state,
            DeadLetterMover mover,
            Runnable gateRound,
            QueueMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.mover = mover;
        this.gateRound = gateRound;
        this.metrics = metrics;
        rounds = new Rounds(this::tick, TICK_MS, executor, timer);
    }

    private void tick() {
        boolean watch = ++ticks % TICKS_PER_WATCH == 0;
        if (ticks % TICKS_PER_GATE_ROUND == 0) {
            gateRound.run();
        }
        for (PartitionReplica replica : state.replicas().values()) {
            QueueLane lane = replica.queues().lane();
            try {
                if (lane.isActive() && replica.isOpen()) {
                    lane.tick();
                    mover.move(replica);
                }
                if (watch && lane.waiters() > 0) {
                    metrics.stalls.inc(lane.wakeStalled());
                }
            } catch (Refusal closedMeanwhile) {
                // The next leader goes on with what is left.
            }
        }
    }

    @Override
    public void close() {
        rounds.close();
    }
}
