package io.holdfast.node.schedule;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ApiServer;
import io.holdfast.node.service.ApiServices;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.function.LongSupplier;

/** Builds the schedule service, adds it to the server, and lets time pass in this node's schedules. */
public final class ScheduleServices implements AutoCloseable {
    private final ScheduleTicker ticker;

    public ScheduleServices(
            ApiServer server,
            ApiServices api,
            ClusterState state,
            MetricRegistry registry,
            LongSupplier clockMs,
            Executor executor,
            ScheduledExecutorService timer) {
        server.add(new ScheduleGrpc(state, api.appends(), api.forwarder(), api.headers(), executor));
        ticker = new ScheduleTicker(state, clockMs, executor, timer);
        registry.register("holdfast.schedule.records", (Gauge<Long>) () -> state.replicas().values().stream()
                .filter(replica -> replica.group().isLeader())
                .mapToLong(replica -> replica.schedule().records())
                .sum());
    }

    @Override
    public void close() {
        ticker.close();
    }
}
