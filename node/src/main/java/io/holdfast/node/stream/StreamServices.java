package io.holdfast.node.stream;

import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ApiServer;
import io.holdfast.node.service.ApiServices;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/** Builds the services of stream groups, adds them to the server, and starts time in this node's shards. */
public final class StreamServices implements AutoCloseable {
    private final StreamTicker ticker;

    public StreamServices(
            ApiServer server, ApiServices api, ClusterState state, Executor executor, ScheduledExecutorService timer) {
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
    }

    @Override
    public void close() {
        ticker.close();
    }
}
