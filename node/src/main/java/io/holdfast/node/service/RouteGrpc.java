package io.holdfast.node.service;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.TopicKeys;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.KeyRange;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetRoutesRequest;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.Node;
import io.holdfast.v1.Route;
import io.holdfast.v1.RouteServiceGrpc;
import io.holdfast.v1.SplitOff;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.WatchRoutesRequest;
import io.holdfast.v1.WatchRoutesResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;

/** RouteService. */
public final class RouteGrpc extends RouteServiceGrpc.RouteServiceImplBase {
    private static final Duration CUT_OFF_RETRY = Duration.ofSeconds(1);

    private final ClusterState state;
    private final Headers headers;
    private final Executor executor;

    RouteGrpc(ClusterState state, Headers headers, Executor executor) {
        this.state = state;
        this.headers = headers;
        this.executor = executor;
    }

    @Override
    public void getRoutes(GetRoutesRequest request, StreamObserver<GetRoutesResponse> to) {
        Replies.send(to, executor, () -> CompletableFuture.completedFuture(routes(request.getTopicsList())));
    }

    @Override
    public void watchRoutes(WatchRoutesRequest request, StreamObserver<WatchRoutesResponse> to) {
        new Watch(request.getTopicsList(), (ServerCallStreamObserver<WatchRoutesResponse>) to).start();
    }

    /** Sends the newest routes when they have changed and the client can take them; what it missed it does not need. */
    private final class Watch {
        private final List<String> topics;
        private final ServerCallStreamObserver<WatchRoutesResponse> to;
        private final AtomicBoolean queued = new AtomicBoolean();
        private final Runnable watcher = this::changed;
        private long sentVersion;
        private boolean ended;

        Watch(List<String> topics, ServerCallStreamObserver<WatchRoutesResponse> to) {
            this.topics = topics;
            this.to = to;
        }

        void start() {
            to.setOnReadyHandler(this::changed);
            to.setOnCancelHandler(() -> state.unwatch(watcher));
            state.watch(watcher);
            changed();
        }

        private void changed() {
            if (queued.compareAndSet(false, true)) {
                executor.execute(() -> {
                    queued.set(false);
                    send();
                });
            }
        }

        private synchronized void send() {
            long version = state.version();
            if (to.isCancelled()) {
                state.unwatch(watcher);
            } else if (!ended && version > sentVersion && to.isReady()) {
                sentVersion = version;
                to.onNext(WatchRoutesResponse.newBuilder()
                        .setRoutes(routes(topics))
                        .build());
                if (state.isCutOff()) { // other nodes may know better who leads
                    ended = true;
                    state.unwatch(watcher);
                    to.onError(Errors.status(Refusal.later(
                            ErrorReason.ERROR_REASON_UNAVAILABLE,
                            "ask another node: most do not answer this one",
                            CUT_OFF_RETRY)));
                }
            }
        }
    }

    private GetRoutesResponse routes(List<String> topics) {
        MetadataImage image = state.image();
        GetRoutesResponse.Builder response =
                GetRoutesResponse.newBuilder().setHeader(headers.header()).setMetadataVersion(image.version());
        image.nodes().values().forEach(node -> response.addNodes(toApi(node)));
        Collection<TopicRow> rows = image.topics().values();
        if (!topics.isEmpty()) {
            rows = new ArrayList<>();
            for (String name : topics) {
                TopicRow row = image.topic(name);
                if (row == null) {
                    response.addUnknownTopics(name);
                } else {
                    rows.add(row);
                }
            }
        }
        boolean leadersKnown = !state.isCutOff();
        for (TopicRow topic : rows) {
            for (int p = 0; p < topic.getAssignmentsCount(); p++) {
                response.addRoutes(route(topic, p, leadersKnown));
            }
        }
        return response.build();
    }

    private Route route(TopicRow topic, int partition, boolean leaderKnown) {
        GroupId group = MetadataImage.group(topic, partition);
        PartitionReplica replica = state.replica(group);
        PartitionAssignment assignment = topic.getAssignments(partition);
        boolean splitting = TopicKeys.isSplitting(assignment);
        KeyRange keys = TopicKeys.range(topic, partition);
        Route.Builder route = Route.newBuilder()
                .setPartition(
                        TopicPartition.newBuilder().setTopic(topic.getName()).setPartition(partition))
                .setLeaderNode(leaderKnown ? state.leader(group) : 0)
                .setTerm(replica == null ? 0 : replica.group().term())
                .addAllReplicaNodes(assignment.getReplicaNodesList())
                .setHashFirst(splitting ? 1 : keys.getFirst())
                .setHashLast(splitting ? 0 : keys.getLast())
                .setKeysVersion(assignment.getKeysVersion());
        if (assignment.hasParent() && !splitting) {
            route.setSplitOff(SplitOff.newBuilder()
                    .setParent(assignment.getParent().getPartition())
                    .setParentEnd(assignment.getParent().getEndOffset()));
        }
        return route.build();
    }

    static Node toApi(NodeRow node) {
        return Node.newBuilder()
                .setNodeId(node.getNodeId())
                .setAddress(node.getApiAddress())
                .setRack(node.getRack())
                .setVersion(node.getVersion())
                .build();
    }
}
