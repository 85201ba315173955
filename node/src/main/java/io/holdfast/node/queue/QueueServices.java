package io.holdfast.node.queue;

import com.codahale.metrics.MetricRegistry;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ApiServer;
import io.holdfast.node.service.ApiServices;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/** Builds the queue services, adds them to the server, and starts time in this node's queue groups, and retention. */
public final class QueueServices implements AutoCloseable {
    private final QueueTicker ticker;
    private final Retention retention;

    public QueueServices(
            ApiServer server,
            ApiServices api,
            ClusterState state,
            MetricRegistry registry,
            ParentGates gates,
            Executor executor,
            ScheduledExecutorService timer) {
        QueueMetrics metrics = new QueueMetrics(registry);
        Groups groups = new Groups(state, api.metadata());
        LocalQueues local = new LocalQueues(state, api.appends(), metrics, executor, timer);
        QueueRouter router = new QueueRouter(state, local, api.forwarder(), timer);
        server.add(new QueueNodeGrpc(local, api.appends(), executor));
        server.add(new QueueGrpc(state, groups, router, api.headers(), executor, timer));
        server.add(new GroupGrpc(state, groups, local, api.forwarder(), api.headers(), executor));
        DeadLetterMover mover = new DeadLetterMover(state, api.metadata(), api.appends(), api.forwarder(), metrics);
        Runnable gateRound = () -> gates.round(local, api.forwarder());
        ticker = new QueueTicker(state, mover, gateRound, metrics, executor, timer);
        retention = new Retention(state, executor, timer);
    }

    @Override
    public void close() {
        retention.close();
        ticker.close();
    }
}
