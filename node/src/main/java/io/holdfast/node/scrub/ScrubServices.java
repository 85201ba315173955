package io.holdfast.node.scrub;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import com.google.protobuf.util.Timestamps;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.NodeIdentity;
import io.holdfast.node.config.NodeConfig;
import io.holdfast.node.service.ApiServer;
import io.holdfast.node.service.ApiServices;
import io.holdfast.node.service.Replies;
import io.holdfast.v1.DamagedReplica;
import io.holdfast.v1.ScrubRequest;
import io.holdfast.v1.ScrubResponse;
import io.holdfast.v1.ScrubServiceGrpc;
import io.holdfast.v1.TopicPartition;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;

/** Starts the scrubber and adds its service to the server. */
public final class ScrubServices extends ScrubServiceGrpc.ScrubServiceImplBase implements AutoCloseable {
    private final Scrubber scrubber;
    private final ClusterState state;
    private final ApiServices api;
    private final Executor executor;

    public ScrubServices(
            ApiServer server,
            ApiServices api,
            ClusterState state,
            NodeIdentity identity,
            NodeConfig config,
            MetricRegistry registry,
            Executor executor)
            throws IOException {
        this.state = state;
        this.api = api;
        this.executor = executor;
        scrubber = new Scrubber(state, identity, config.scrubInterval(), config.scrubBytesPerSecond());
        registry.register("holdfast.scrub.finished.millis", (Gauge<Long>)
                () -> scrubber.status().finishedMs());
        registry.register("holdfast.scrub.checked.bytes", (Gauge<Long>)
                () -> scrubber.status().bytesChecked());
        server.add(this);
    }

    @Override
    public void scrub(ScrubRequest request, StreamObserver<ScrubResponse> to) {
        Replies.send(to, executor, () -> {
            if (request.getStart()) {
                scrubber.start();
            }
            Scrubber.Status status = scrubber.status();
            ScrubResponse.Builder response = ScrubResponse.newBuilder()
                    .setHeader(api.headers().header())
                    .setRunning(status.running())
                    .setBytesChecked(status.bytesChecked())
                    .setBytesTotal(status.bytesTotal());
            if (status.finishedMs() > 0) {
                response.setFinished(Timestamps.fromMillis(status.finishedMs()));
            }
            status.damaged().forEach((group, reason) -> response.addDamaged(damaged(group, reason)));
            return CompletableFuture.completedFuture(response.build());
        });
    }

    private DamagedReplica damaged(GroupId group, String reason) {
        TopicRow topic = state.image().topic(group.topicId());
        return DamagedReplica.newBuilder()
                .setPartition(TopicPartition.newBuilder()
                        .setTopic(topic == null ? "" : topic.getName())
                        .setPartition(group.partition()))
                .setReason(reason)
                .build();
    }

    @Override
    public void close() {
        scrubber.close();
    }
}
