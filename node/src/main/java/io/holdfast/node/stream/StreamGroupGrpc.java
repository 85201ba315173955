package io.holdfast.node.stream;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.stream.StreamCoordinator;
import io.holdfast.internal.v1.DescribeInShardResponse;
import io.holdfast.internal.v1.OffsetRow;
import io.holdfast.internal.v1.OwnedPartition;
import io.holdfast.internal.v1.StreamCommit;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Forwarder;
import io.holdfast.node.service.Headers;
import io.holdfast.node.service.Replies;
import io.holdfast.v1.CommitOffsetsRequest;
import io.holdfast.v1.CommitOffsetsResponse;
import io.holdfast.v1.CreateStreamGroupRequest;
import io.holdfast.v1.CreateStreamGroupResponse;
import io.holdfast.v1.DeleteStreamGroupRequest;
import io.holdfast.v1.DeleteStreamGroupResponse;
import io.holdfast.v1.DescribeStreamGroupRequest;
import io.holdfast.v1.DescribeStreamGroupResponse;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.HeartbeatResponse;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.LeaveStreamGroupRequest;
import io.holdfast.v1.LeaveStreamGroupResponse;
import io.holdfast.v1.ListStreamGroupsRequest;
import io.holdfast.v1.ListStreamGroupsResponse;
import io.holdfast.v1.OffsetCommit;
import io.holdfast.v1.SeekStreamGroupRequest;
import io.holdfast.v1.SeekStreamGroupResponse;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamGroupServiceGrpc;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.TopicPartition;
import io.holdfast.v1.WriteOutcome;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;

/** The API of stream groups: each call is answered by the leader of the group's shard. */
final class StreamGroupGrpc extends StreamGroupServiceGrpc.StreamGroupServiceImplBase {
    private final ClusterState state;
    private final Shards shards;
    private final LocalShards local;
    private final ShardLeaders leaders;
    private final Lag lag;
    private final Seek seek;
    private final Forwarder forwarder;
    private final Headers headers;
    private final Executor executor;

    StreamGroupGrpc(
            ClusterState state,
            Shards shards,
            LocalShards local,
            ShardLeaders leaders,
            Lag lag,
            Forwarder forwarder,
            Headers headers,
            Executor executor) {
        this.state = state;
        this.shards = shards;
        this.local = local;
        this.leaders = leaders;
        this.lag = lag;
        this.seek = new Seek(state, leaders, lag);
        this.forwarder = forwarder;
        this.headers = headers;
        this.executor = executor;
    }

    private <T> CompletableFuture<T> atLeader(
            GroupId shard,
            Function<StreamCoordinator, CompletableFuture<T>> here,
            Function<StreamGroupServiceGrpc.StreamGroupServiceFutureStub, ListenableFuture<T>> there) {
        Function<Channel, ListenableFuture<T>> remote = node -> there.apply(StreamGroupServiceGrpc.newFutureStub(node));
        return forwarder.run(shard, () -> local.onLeader(shard, here), remote);
    }

    // ---- members

    @Override
    public void heartbeat(HeartbeatRequest request, StreamObserver<HeartbeatResponse> to) {
        Replies.send(to, executor, () -> {
            StreamRequests.check(request);
            StreamConfig config = StreamRequests.complete(request.getConfig());
            long waitMs = StreamRequests.waitMs(request);
            CompletableFuture<GroupId> shard = request.getJoin()
                    ? shards.forMember(request.getGroup())
                    : CompletableFuture.completedFuture(shards.of(request.getGroup()));
            return shard.thenCompose(group -> atLeader(
                    group,
                    coordinator -> coordinator
                            .heartbeat(request, config, waitMs)
                            .thenApply(answer -> answer.toBuilder()
                                    .setHeader(headers.header())
                                    .build()),
                    node -> node.heartbeat(request)));
        });
    }

    @Override
    public void leaveStreamGroup(LeaveStreamGroupRequest request, StreamObserver<LeaveStreamGroupResponse> to) {
        Replies.send(
                to,
                executor,
                () -> atLeader(
                        shards.of(request.getGroup()),
                        coordinator -> coordinator
                                .leave(request.getGroup(), request.getMemberId(), request.getKeepPlace())
                                .thenApply(ok -> LeaveStreamGroupResponse.newBuilder()
                                        .setHeader(headers.header())
                                        .build()),
                        node -> node.leaveStreamGroup(request)));
    }

    @Override
    public void commitOffsets(CommitOffsetsRequest request, StreamObserver<CommitOffsetsResponse> to) {
        Replies.send(to, executor, () -> {
            StreamRequests.check(request);
            return atLeader(
                    shards.of(request.getGroup()),
                    coordinator -> coordinator
                            .commit(request.getGroup(), commit(request))
                            .thenApply(this::committed),
                    node -> node.commitOffsets(request));
        });
    }

    /** A topic that does not exist any more is left with id 0, which nobody owns. */
    private StreamCommit commit(CommitOffsetsRequest request) {
        StreamCommit.Builder commit = StreamCommit.newBuilder().setMember(request.getMemberId());
        for (OffsetCommit one : request.getOffsetsList()) {
            TopicPartition partition = one.getOwnership().getPartition();
            TopicRow topic = state.image().topic(partition.getTopic());
            commit.addOwnerships(OwnedPartition.newBuilder()
                            .setTopicId(topic == null ? 0 : topic.getTopicId())
                            .setPartition(partition.getPartition())
                            .setOwnershipEpoch(one.getOwnership().getOwnershipEpoch()))
                    .addOffsets(one.getOffset());
        }
        return commit.build();
    }

    private CommitOffsetsResponse committed(List<Boolean> committed) {
        CommitOffsetsResponse.Builder response =
                CommitOffsetsResponse.newBuilder().setHeader(headers.header());
        committed.forEach(ok -> response.addResults(
                ok
                        ? ItemError.getDefaultInstance()
                        : ItemError.newBuilder()
                                .setReason(ErrorReason.ERROR_REASON_OWNERSHIP_LOST)
                                .setMessage("let go of the partition: it is another's, or was sought")
                                .setOutcome(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED)
                                .build()));
        return response.build();
    }

    // ---- operators

    @Override
    public void createStreamGroup(CreateStreamGroupRequest request, StreamObserver<CreateStreamGroupResponse> to) {
        Replies.send(to, executor, () -> {
            StreamRequests.checkGroup(request.getName());
            StreamConfig config = StreamRequests.complete(request.getConfig());
            return shards.forMember(request.getName())
                    .thenCompose(shard -> atLeader(
                            shard,
                            coordinator -> coordinator
                                    .create(request.getName(), config)
                                    .thenApply(created -> created(request.getName(), created, coordinator)),
                            node -> node.createStreamGroup(request)));
        });
    }

    private CreateStreamGroupResponse created(String name, boolean created, StreamCoordinator coordinator) {
        if (!created) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_GROUP_EXISTS,
                    "choose another name: there is a stream group '" + name + "'");
        }
        return CreateStreamGroupResponse.newBuilder()
                .setHeader(headers.header())
                .setGroup(coordinator.views().describe(name).getDescription().getGroup())
                .build();
    }

    @Override
    public void listStreamGroups(ListStreamGroupsRequest request, StreamObserver<ListStreamGroupsResponse> to) {
        Replies.send(
                to,
                executor,
                () -> Calls.all(shards.all().stream().map(leaders::list).toList())
                        .thenApply(parts -> {
                            List<StreamGroup> groups = new ArrayList<>();
                            parts.forEach(part -> groups.addAll(part.getGroupsList()));
                            groups.sort(Comparator.comparing(StreamGroup::getName));
                            return ListStreamGroupsResponse.newBuilder()
                                    .setHeader(headers.header())
                                    .addAllGroups(groups)
                                    .build();
                        }));
    }

    @Override
    public void describeStreamGroup(
            DescribeStreamGroupRequest request, StreamObserver<DescribeStreamGroupResponse> to) {
        Replies.send(to, executor, () -> leaders.describe(request.getName()).thenCompose(this::describe));
    }

    private CompletableFuture<DescribeStreamGroupResponse> describe(DescribeInShardResponse known) {
        List<CompletableFuture<StreamPartition>> partitions = new ArrayList<>();
        for (int i = 0; i < known.getStartsCount(); i++) {
            partitions.add(lag.complete(known.getDescription().getPartitions(i), known.getStarts(i)));
        }
        for (OffsetRow other : known.getOthersList()) {
            TopicRow topic = state.image().topic(other.getTopicId());
            if (topic != null) {
                StreamPartition partition = StreamPartition.newBuilder()
                        .setPartition(TopicPartition.newBuilder()
                                .setTopic(topic.getName())
                                .setPartition(other.getPartition()))
                        .setCommitted(other.getOffset())
                        .build();
                partitions.add(lag.complete(
                        partition,
                        Start.newBuilder().setOffset(other.getOffset()).build()));
            }
        }
        return Calls.all(partitions)
                .thenApply(complete -> known.getDescription().toBuilder()
                        .setHeader(headers.header())
                        .clearPartitions()
                        .addAllPartitions(complete)
                        .build());
    }

    @Override
    public void seekStreamGroup(SeekStreamGroupRequest request, StreamObserver<SeekStreamGroupResponse> to) {
        Replies.send(to, executor, () -> {
            StreamRequests.check(request);
            return seek.run(request)
                    .thenApply(sought -> SeekStreamGroupResponse.newBuilder()
                            .setHeader(headers.header())
                            .addAllPartitions(sought)
                            .build());
        });
    }

    @Override
    public void deleteStreamGroup(DeleteStreamGroupRequest request, StreamObserver<DeleteStreamGroupResponse> to) {
        Replies.send(
                to,
                executor,
                () -> atLeader(
                        shards.of(request.getName()),
                        coordinator -> coordinator
                                .delete(request.getName())
                                .thenApply(ok -> DeleteStreamGroupResponse.newBuilder()
                                        .setHeader(headers.header())
                                        .build()),
                        node -> node.deleteStreamGroup(request)));
    }
}
