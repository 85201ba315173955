package io.holdfast.node.service;

import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.NodeChannels;
import io.holdfast.node.config.NodeConfig;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/** Builds the public services and adds them to the server. */
public final class ApiServices {
    private final Headers headers;
    private final Forwarder forwarder;
    private final MetadataClient metadataClient;
    private final Appends appends;

    public ApiServices(
            ApiServer server,
            NodeConfig config,
            ClusterState state,
            MetadataReplica metadata,
            MetadataClient metadataClient,
            NodeChannels channels,
            NodeMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer,
            DiskFacts disk) {
        headers = new Headers(state);
        this.metadataClient = metadataClient;
        forwarder = new Forwarder(state, channels, timer, metrics);
        server.intercept(Forwarder.interceptor());
        server.intercept(new SecondLook(state, metadataClient).interceptor());
        Reads reads = new Reads(state, headers, config.limits(), metrics, executor, timer);
        appends = new Appends(state, config.limits(), metrics, disk::isNearlyFull);
        server.add(new LogGrpc(
                state, appends, reads, headers, forwarder, new ProducerIds(metadataClient), metrics, executor, timer));
        server.add(new TopicGrpc(
                state,
                metadataClient,
                headers,
                forwarder,
                appends,
                executor,
                timer,
                config.limits().partitionsPerTopicMax()));
        server.add(new BackupGrpc(state, appends, forwarder, headers, executor));
        server.add(new RouteGrpc(state, headers, executor));
        server.add(new ClusterGrpc(state, metadata, metadataClient, channels, disk, headers, executor, timer));
    }

    public Headers headers() {
        return headers;
    }

    public Forwarder forwarder() {
        return forwarder;
    }

    public MetadataClient metadata() {
        return metadataClient;
    }

    public Appends appends() {
        return appends;
    }

    /** From now on new writes are refused, so that leadership can be handed over. */
    public void drain() {
        appends.drain();
    }
}
