package io.holdfast.node.stream;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.stream.StreamCoordinator;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Rounds;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/** Lets time pass in the stream groups of the shards that this node leads. */
final class StreamTicker implements AutoCloseable {
    private static final long TICK_MS = 100;

    private final ClusterState state;
    private final Rounds rounds;

    StreamTicker(ClusterState state, Executor executor, ScheduledExecutorService timer) {
        this.state = state;
        rounds = new Rounds(this::tick, () -> !state.openReplicas().isEmpty(), TICK_MS, executor, timer);
    }

    private void tick() {
        for (PartitionReplica replica : state.openReplicas()) {
            StreamCoordinator coordinator = replica.streamGroups().coordinator();
            try {
                if (coordinator.isActive() && replica.isOpen()) {
                    coordinator.tick();
                }
            } catch (Refusal closedMeanwhile) {
                // The next leader goes on.
            }
        }
    }

    @Override
    public void close() {
        rounds.close();
    }
}
