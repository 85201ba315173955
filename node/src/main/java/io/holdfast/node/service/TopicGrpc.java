package io.holdfast.node.service;

import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.TopicSplits;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.DeleteTopicCommand;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.internal.v1.UpdateTopicCommand;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.SystemTopics;
import io.holdfast.node.cluster.TopicPlan;
import io.holdfast.v1.CreateTopicRequest;
import io.holdfast.v1.CreateTopicResponse;
import io.holdfast.v1.DeleteTopicRequest;
import io.holdfast.v1.DeleteTopicResponse;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetTopicRequest;
import io.holdfast.v1.GetTopicResponse;
import io.holdfast.v1.ListTopicsRequest;
import io.holdfast.v1.ListTopicsResponse;
import io.holdfast.v1.Topic;
import io.holdfast.v1.TopicConfig;
import io.holdfast.v1.TopicServiceGrpc;
import io.holdfast.v1.TrimTopicRequest;
import io.holdfast.v1.TrimTopicResponse;
import io.holdfast.v1.UpdateTopicRequest;
import io.holdfast.v1.UpdateTopicResponse;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** TopicService: changes go through the metadata group, questions are answered from this node's image of it. */
public final class TopicGrpc extends TopicServiceGrpc.TopicServiceImplBase {
    private static final int PAGE_DEFAULT = 1000;
    private static final long REPLICA_POLL_MS = 10;

    private final ClusterState state;
    private final MetadataClient metadata;
    private final Headers headers;
    private final Forwarder forwarder;
    private final Appends appends;
    private final Executor executor;
    private final ScheduledExecutorService timer;
    private final int partitionsMax;

    TopicGrpc(
            ClusterState state,
            MetadataClient metadata,
            Headers headers,
            Forwarder forwarder,
            Appends appends,
            Executor executor,
            ScheduledExecutorService timer,
            int partitionsMax) {
        this.state = state;
        this.metadata = metadata;
        this.headers = headers;
        this.forwarder = forwarder;
        this.appends = appends;
        this.executor = executor;
        this.timer = timer;
        this.partitionsMax = partitionsMax;
    }

    @Override
    public void createTopic(CreateTopicRequest request, StreamObserver<CreateTopicResponse> to) {
        Replies.send(to, executor, () -> {
            SystemTopics.refuse(request.getName());
            Duration left = Forwarder.left();
            return metadata.current(left).thenComposeAsync(image -> create(image, request, left), executor);
        });
    }

    private CompletableFuture<CreateTopicResponse> create(
            MetadataImage image, CreateTopicRequest request, Duration left) {
        TopicPlan.checkLevel(image, request.getConfig());
        CreateTopicCommand equal = TopicPlan.plan(
                        image,
                        metadata.voters(),
                        request.getName(),
                        request.getConfig().getPartitions(),
                        request.getConfig().getReplicas(),
                        partitionsMax)
                .toBuilder()
                .setConfig(TopicPlan.changeable(request.getConfig()))
                .build();
        CreateTopicCommand command =
                request.getKeysCount() == 0 ? equal : TopicPlan.withKeys(image, equal, request.getKeysList());
        if (request.getValidateOnly()) {
            TopicRow row = TopicRow.newBuilder()
                    .setName(command.getName())
                    .setReplicas(command.getReplicas())
                    .addAllAssignments(command.getAssignmentsList())
                    .setConfig(command.getConfig())
                    .build();
            return CompletableFuture.completedFuture(created(row));
        }
        return metadata.submit(
                        MetadataCommand.newBuilder().setCreateTopic(command).build(), left)
                .thenCompose(reply -> {
                    check(reply, request.getName());
                    return metadata.appliedEverywhere(reply.getIndex())
                            .thenCompose(ok ->
                                    replicasHere(reply.getTopic(), System.nanoTime() + TimeUnit.SECONDS.toNanos(5)))
                            .thenApply(ok -> created(reply.getTopic()));
                });
    }

    /** Waits a little for this node's replicas, and does not insist. They are at rest until somebody writes. */
    private CompletableFuture<Void> replicasHere(TopicRow topic, long deadline) {
        CompletableFuture<Void> result = new CompletableFuture<>();
        pollReplicas(topic, deadline, result);
        return result;
    }

    private void pollReplicas(TopicRow topic, long deadline, CompletableFuture<Void> result) {
        boolean all = true;
        for (int p = 0; p < topic.getAssignmentsCount() && all; p++) {
            boolean here = topic.getAssignments(p).getReplicaNodesList().contains(state.nodeId());
            all = !here || state.replica(MetadataImage.group(topic, p)) != null;
        }
        if (all || System.nanoTime() > deadline) {
            result.complete(null);
        } else {
            timer.schedule(() -> pollReplicas(topic, deadline, result), REPLICA_POLL_MS, TimeUnit.MILLISECONDS);
        }
    }

    private CreateTopicResponse created(TopicRow topic) {
        return CreateTopicResponse.newBuilder()
                .setHeader(headers.header())
                .setTopic(toApi(topic))
                .build();
    }

    private static void check(MetadataReply reply, String name) {
        if (reply.getResult() == MetadataResult.METADATA_RESULT_TOPIC_EXISTS) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_TOPIC_EXISTS,
                    "choose another name, or use the topic: '" + name + "' exists");
        }
        if (reply.getResult() == MetadataResult.METADATA_RESULT_INVALID) {
            throw Refusal.invalid(reply.getMessage());
        }
        if (reply.getResult() == MetadataResult.METADATA_RESULT_TOPIC_NOT_FOUND) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND, "check the name: topic '" + name + "' does not exist");
        }
    }

    @Override
    public void getTopic(GetTopicRequest request, StreamObserver<GetTopicResponse> to) {
        Replies.send(
                to,
                executor,
                () -> CompletableFuture.completedFuture(GetTopicResponse.newBuilder()
                        .setHeader(headers.header())
                        .setTopic(toApi(state.topic(request.getName())))
                        .build()));
    }

    @Override
    public void listTopics(ListTopicsRequest request, StreamObserver<ListTopicsResponse> to) {
        Replies.send(to, executor, () -> {
            int size = request.getPageSize() <= 0 ? PAGE_DEFAULT : Math.min(request.getPageSize(), PAGE_DEFAULT);
            ListTopicsResponse.Builder response =
                    ListTopicsResponse.newBuilder().setHeader(headers.header());
            for (TopicRow topic : state.image()
                    .topics()
                    .tailMap(request.getPageToken(), false)
                    .values()) {
                if (!topic.getName().startsWith(request.getPrefix()) || SystemTopics.isSystem(topic.getName())) {
                    continue;
                }
                if (response.getTopicsCount() == size) {
                    response.setNextPageToken(response.getTopics(size - 1).getName());
                    break;
                }
                response.addTopics(toApi(topic));
            }
            return CompletableFuture.completedFuture(response.build());
        });
    }

    @Override
    public void updateTopic(UpdateTopicRequest request, StreamObserver<UpdateTopicResponse> to) {
        Replies.send(to, executor, () -> {
            SystemTopics.refuse(request.getName());
            TopicRow topic = state.topic(request.getName());
            TopicConfig config = request.getConfig();
            TopicPlan.checkLevel(state.image(), config);
            if (config.getReplicas() != 0 && config.getReplicas() != topic.getReplicas()) {
                TopicPlan.checkReplicas(config.getReplicas(), state.image());
            }
            Duration left = Forwarder.left();
            MetadataCommand command = MetadataCommand.newBuilder()
                    .setUpdateTopic(UpdateTopicCommand.newBuilder()
                            .setName(request.getName())
                            .setConfig(TopicPlan.changeable(config))
                            .setReplicas(config.getReplicas()))
                    .build();
            long deadline = System.nanoTime() + left.toNanos();
            return grown(request.getName(), config.getPartitions(), left)
                    .thenCompose(ok -> metadata.submit(command, left))
                    .thenCompose(reply -> {
                        check(reply, request.getName());
                        return metadata.appliedEverywhere(reply.getIndex())
                                .thenCompose(ok -> split(topic.getTopicId(), deadline))
                                .thenApply(ok -> UpdateTopicResponse.newBuilder()
                                        .setHeader(headers.header())
                                        .setTopic(toApi(reply.getTopic()))
                                        .build());
                    });
        });
    }

    /** Asked again, it finds as many as it asks for. */
    private CompletableFuture<?> grown(String name, int partitions, Duration left) {
        if (partitions == 0) {
            return CompletableFuture.completedFuture(null);
        }
        return metadata.current(left)
                .thenComposeAsync(
                        image -> {
                            TopicRow now = image.topic(name);
                            return now == null || now.getAssignmentsCount() == partitions
                                    ? CompletableFuture.completedFuture(MetadataReply.getDefaultInstance())
                                    : metadata.submit(
                                            MetadataCommand.newBuilder()
                                                    .setAddPartitions(
                                                            TopicPlan.grow(image, now, partitions, partitionsMax))
                                                    .build(),
                                            left);
                        },
                        executor)
                .thenAccept(reply -> check(reply, name));
    }

    /** Completes when all partitions have their keys, or it takes too long, which does not matter. */
    private CompletableFuture<Void> split(long topicId, long deadline) {
        TopicRow topic = state.image().topic(topicId);
        if (topic == null || !TopicSplits.isUnderWay(topic) || System.nanoTime() > deadline) {
            return CompletableFuture.completedFuture(null);
        }
        CompletableFuture<Void> later = new CompletableFuture<>();
        timer.schedule(() -> later.complete(null), REPLICA_POLL_MS, TimeUnit.MILLISECONDS);
        return later.thenCompose(ok -> split(topicId, deadline));
    }

    @Override
    public void deleteTopic(DeleteTopicRequest request, StreamObserver<DeleteTopicResponse> to) {
        Replies.send(to, executor, () -> {
            SystemTopics.refuse(request.getName());
            Duration left = Forwarder.left();
            MetadataCommand command = MetadataCommand.newBuilder()
                    .setDeleteTopic(DeleteTopicCommand.newBuilder().setName(request.getName()))
                    .build();
            return metadata.submit(command, left).thenCompose(reply -> {
                check(reply, request.getName());
                return metadata.applied(reply.getIndex(), left)
                        .thenApply(ok -> DeleteTopicResponse.newBuilder()
                                .setHeader(headers.header())
                                .build());
            });
        });
    }

    @Override
    public void trimTopic(TrimTopicRequest request, StreamObserver<TrimTopicResponse> to) {
        Replies.send(to, executor, () -> {
            SystemTopics.refuse(request.getPartition().getTopic());
            GroupId group = state.group(
                    request.getPartition().getTopic(), request.getPartition().getPartition());
            return forwarder.run(
                    group,
                    () -> appends.trim(group, request.getBeforeOffset())
                            .thenApply(start -> TrimTopicResponse.newBuilder()
                                    .setHeader(headers.header())
                                    .setLogStartOffset(start)
                                    .build()),
                    node -> TopicServiceGrpc.newFutureStub(node).trimTopic(request));
        });
    }

    private static Topic toApi(TopicRow topic) {
        return Topic.newBuilder()
                .setName(topic.getName())
                .setTopicId(topic.getTopicId())
                .setConfig(topic.getConfig().toBuilder()
                        .setPartitions(topic.getAssignmentsCount())
                        .setReplicas(topic.getReplicas()))
                .build();
    }
}
