package io.holdfast.node.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.queue.QueueLane;
import io.holdfast.node.cluster.ClusterState;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Lets time pass in the queue groups of this node's partitions: leases end, retries come due, dead records move on. Once a
 * second it also looks for members that wait although there is something for them, which should never be: it counts
 * them, and wakes them.
 */
final class QueueTicker implements AutoCloseable {
    private static final long TICK_MS = 50;
    private static final int TICKS_PER_WATCH = 20;

    private final ClusterState state;
    private final DeadLetterMover mover;
    private final QueueMetrics metrics;
    private final Executor executor;
    private final ScheduledFuture<?> ticking;
    private final AtomicBoolean running = new AtomicBoolean();
    private int ticks;

    QueueTicker(
            ClusterState state,
            DeadLetterMover mover,
            QueueMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.mover = mover;
        this.metrics = metrics;
        this.executor = executor;
        ticking = timer.scheduleAtFixedRate(this::hand, TICK_MS, TICK_MS, TimeUnit.MILLISECONDS);
    }

    /** The timer's thread only hands over, and not twice. */
    private void hand() {
        if (running.compareAndSet(false, true)) {
            executor.execute(() -> {
                try {
                    tick();
                } finally {
                    running.set(false);
                }
            });
        }
    }

    private void tick() {
        boolean watch = ++ticks % TICKS_PER_WATCH == 0;
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
        ticking.cancel(false);
    }
}
