package io.holdfast.node.stream;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.partition.ReplicaStreamGroups;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ApiServer;
import io.holdfast.node.service.ApiServices;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.Stream;

/** Builds the services of stream groups, adds them to the server, and starts time in this node's shards. */
public final class StreamServices implements AutoCloseable {
    private final StreamTicker ticker;

    public StreamServices(
            ApiServer server,
            ApiServices api,
            ClusterState state,
            MetricRegistry registry,
            Executor executor,
            ScheduledExecutorService timer) {
        LocalShards local = new LocalShards(state);
        Shards shards = new Shards(state, api.metadata());
        server.add(new StreamNodeGrpc(shards, local, executor));
        server.add(new StreamGroupGrpc(
                state,
                shards,
                local,
                new ShardLeaders(shards, local, api.forwarder()),
                new Lag(state, local, api.forwarder()),
                api.forwarder(),
                api.headers(),
                executor));
        ticker = new StreamTicker(state, executor, timer);
        registry.register("holdfast.stream.members", (Gauge<Integer>) () -> led(state)
                .mapToInt(shard -> shard.coordinator().views().members())
                .sum());
        registry.register("holdfast.stream.expelled", (Gauge<Long>) () -> state.replicas().values().stream()
                .mapToLong(replica -> replica.streamGroups().coordinator().expelled())
                .sum());
    }

    private static Stream<ReplicaStreamGroups> led(ClusterState state) {
        return state.replicas().values().stream()
                .map(PartitionReplica::streamGroups)
                .filter(shard -> shard.coordinator().isActive() && shard.leads());
    }

    @Override
    public void close() {
        ticker.close();
    }
}
