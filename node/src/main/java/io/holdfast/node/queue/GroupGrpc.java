package io.holdfast.node.queue;

import com.google.common.util.concurrent.ListenableFuture;
import io.grpc.Channel;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.DescribeQueueRequest;
import io.holdfast.internal.v1.ExplainRequest;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.QueueNodeServiceGrpc;
import io.holdfast.internal.v1.QueueRedrive;
import io.holdfast.internal.v1.RedrivePartitionRequest;
import io.holdfast.internal.v1.SeekPartitionRequest;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ByPartition;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.node.service.Headers;
import io.holdfast.node.service.Replies;
import io.holdfast.v1.CreateGroupRequest;
import io.holdfast.v1.CreateGroupResponse;
import io.holdfast.v1.DeadLetter;
import io.holdfast.v1.DecideParkedRecordsRequest;
import io.holdfast.v1.DecideParkedRecordsResponse;
import io.holdfast.v1.DeleteGroupRequest;
import io.holdfast.v1.DeleteGroupResponse;
import io.holdfast.v1.DescribeGroupRequest;
import io.holdfast.v1.DescribeGroupResponse;
import io.holdfast.v1.ExplainRecordRequest;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.Group;
import io.holdfast.v1.GroupServiceGrpc;
import io.holdfast.v1.ListGroupsRequest;
import io.holdfast.v1.ListGroupsResponse;
import io.holdfast.v1.ListParkedRecordsRequest;
import io.holdfast.v1.ListParkedRecordsResponse;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.RedriveDeadLettersRequest;
import io.holdfast.v1.RedriveDeadLettersResponse;
import io.holdfast.v1.RedriveResult;
import io.holdfast.v1.SeekGroupRequest;
import io.holdfast.v1.SeekGroupResponse;
import io.holdfast.v1.SoughtPartition;
import io.holdfast.v1.Start;
import io.holdfast.v1.UpdateGroupRequest;
import io.holdfast.v1.UpdateGroupResponse;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.function.Function;
import java.util.function.Supplier;

/** GroupService: groups are in the metadata, where they stand is asked of each partition's leader. */
public final class GroupGrpc extends GroupServiceGrpc.GroupServiceImplBase {
    private static final int DEAD_LETTERS_MAX = 10_000;

    private final ClusterState state;
    private final Groups groups;
    private final LocalQueues local;
    private final ParkedRecords parked;
    private final Forwarder forwarder;
    private final Headers headers;
    private final Executor executor;

    GroupGrpc(
            ClusterState state,
            Groups groups,
            LocalQueues local,
            Forwarder forwarder,
            Headers headers,
            Executor executor) {
        this.state = state;
        this.groups = groups;
        this.local = local;
        this.parked = new ParkedRecords(state, local, forwarder);
        this.forwarder = forwarder;
        this.headers = headers;
        this.executor = executor;
    }

    private static Group toApi(GroupRow group) {
        return Group.newBuilder()
                .setTopic(group.getTopic())
                .setName(group.getName())
                .setGroupId(group.getGroupId())
                .setConfig(group.getConfig())
                .setCreated(Headers.timestamp(group.getCreatedMs()))
                .build();
    }

    @Override
    public void createGroup(CreateGroupRequest request, StreamObserver<CreateGroupResponse> to) {
        Replies.send(
                to,
                executor,
                () -> groups.create(request.getTopic(), request.getName(), request.getConfig())
                        .thenApply(group -> CreateGroupResponse.newBuilder()
                                .setHeader(headers.header())
                                .setGroup(toApi(group))
                                .build()));
    }

    @Override
    public void updateGroup(UpdateGroupRequest request, StreamObserver<UpdateGroupResponse> to) {
        Replies.send(
                to,
                executor,
                () -> groups.update(request.getTopic(), request.getName(), request.getConfig())
                        .thenApply(group -> UpdateGroupResponse.newBuilder()
                                .setHeader(headers.header())
                                .setGroup(toApi(group))
                                .build()));
    }

    @Override
    public void deleteGroup(DeleteGroupRequest request, StreamObserver<DeleteGroupResponse> to) {
        Replies.send(
                to,
                executor,
                () -> groups.delete(request.getTopic(), request.getName())
                        .thenApply(group -> DeleteGroupResponse.newBuilder()
                                .setHeader(headers.header())
                                .build()));
    }

    @Override
    public void listGroups(ListGroupsRequest request, StreamObserver<ListGroupsResponse> to) {
        Replies.send(to, executor, () -> {
            Collection<GroupRow> found = request.getTopic().isEmpty()
                    ? state.image().groups().all()
                    : state.image().groups().of(state.topic(request.getTopic()).getName());
            ListGroupsResponse.Builder response =
                    ListGroupsResponse.newBuilder().setHeader(headers.header());
            found.forEach(group -> response.addGroups(toApi(group)));
            return CompletableFuture.completedFuture(response.build());
        });
    }

    @Override
    public void describeGroup(DescribeGroupRequest request, StreamObserver<DescribeGroupResponse> to) {
        Replies.send(to, executor, () -> {
            GroupRow group = groups.get(request.getTopic(), request.getName());
            List<CompletableFuture<QueuePartition>> parts = new ArrayList<>();
            for (int p : allPartitions(group)) {
                DescribeQueueRequest ask = DescribeQueueRequest.newBuilder()
                        .setGroupId(group.getGroupId())
                        .setPartition(p)
                        .build();
                parts.add(atLeader(
                                group,
                                p,
                                () -> local.describe(group.getGroupId(), p),
                                node -> Calls.map(
                                        QueueNodeServiceGrpc.newFutureStub(node).describeQueue(ask),
                                        answer -> answer.getQueue()))
                        .exceptionally(failure -> QueuePartition.newBuilder()
                                .setPartition(p)
                                .setError(Errors.item(failure))
                                .build()));
            }
            return Calls.all(parts)
                    .thenApply(partitions -> DescribeGroupResponse.newBuilder()
                            .setHeader(headers.header())
                            .setGroup(toApi(group))
                            .addAllPartitions(partitions)
                            .build());
        });
    }

    private List<Integer> allPartitions(GroupRow group) {
        List<Integer> partitions = new ArrayList<>();
        for (int p = 0; p < state.topic(group.getTopic()).getAssignmentsCount(); p++) {
            partitions.add(p);
        }
        return partitions;
    }

    @Override
    public void seekGroup(SeekGroupRequest request, StreamObserver<SeekGroupResponse> to) {
        Replies.send(to, executor, () -> {
            GroupRow group = groups.get(request.getTopic(), request.getName());
            if (request.getTo().getAtCase() == Start.AtCase.AT_NOT_SET) {
                throw Refusal.invalid("say where to go: an offset, a time, earliest or latest");
            }
            List<Integer> partitions =
                    request.getPartitionsCount() == 0 ? allPartitions(group) : request.getPartitionsList();
            List<CompletableFuture<SoughtPartition>> parts = new ArrayList<>();
            for (int p : partitions) {
                state.group(group.getTopic(), p);
                SeekPartitionRequest ask = SeekPartitionRequest.newBuilder()
                        .setGroupId(group.getGroupId())
                        .setPartition(p)
                        .setTo(request.getTo())
                        .setPlanOnly(request.getPlanOnly())
                        .build();
                parts.add(atLeader(
                                group,
                                p,
                                () -> local.seek(group.getGroupId(), p, request.getTo(), request.getPlanOnly()),
                                node -> Calls.map(
                                        QueueNodeServiceGrpc.newFutureStub(node).seekPartition(ask),
                                        answer -> answer.getPartition()))
                        .exceptionally(failure -> SoughtPartition.newBuilder()
                                .setPartition(p)
                                .setError(Errors.item(failure))
                                .build()));
            }
            return Calls.all(parts)
                    .thenApply(sought -> SeekGroupResponse.newBuilder()
                            .setHeader(headers.header())
                            .addAllPartitions(sought)
                            .build());
        });
    }

    @Override
    public void explainRecord(ExplainRecordRequest request, StreamObserver<ExplainRecordResponse> to) {
        Replies.send(to, executor, () -> {
            GroupRow group = groups.get(request.getPartition().getTopic(), request.getGroup());
            int partition = request.getPartition().getPartition();
            state.group(group.getTopic(), partition);
            ExplainRequest ask = ExplainRequest.newBuilder()
                    .setGroupId(group.getGroupId())
                    .setPartition(partition)
                    .setOffset(request.getOffset())
                    .build();
            return atLeader(
                            group,
                            partition,
                            () -> local.explain(group.getGroupId(), partition, request.getOffset()),
                            node -> Calls.map(
                                    QueueNodeServiceGrpc.newFutureStub(node).explain(ask),
                                    answer -> answer.getExplanation()))
                    .thenApply(answer ->
                            answer.toBuilder().setHeader(headers.header()).build());
        });
    }

    @Override
    public void redriveDeadLetters(RedriveDeadLettersRequest request, StreamObserver<RedriveDeadLettersResponse> to) {
        Replies.send(to, executor, () -> {
            GroupRow group = groups.get(request.getTopic(), request.getName());
            if (request.getDeadLettersCount() > DEAD_LETTERS_MAX) {
                throw Refusal.invalid("redrive at most " + DEAD_LETTERS_MAX + " at a time");
            }
            request.getDeadLettersList().forEach(letter -> state.group(group.getTopic(), letter.getPartition()));
            return ByPartition.ask(
                            request.getDeadLettersList(),
                            DeadLetter::getPartition,
                            (partition, letters) -> redrive(group, partition, letters),
                            failure -> RedriveResult.newBuilder()
                                    .setError(Errors.item(failure))
                                    .build())
                    .thenApply(results -> RedriveDeadLettersResponse.newBuilder()
                            .setHeader(headers.header())
                            .addAllResults(results)
                            .build());
        });
    }

    private CompletableFuture<List<RedriveResult>> redrive(GroupRow group, int partition, List<DeadLetter> letters) {
        List<QueueRedrive> redrives = letters.stream()
                .map(letter -> QueueRedrive.newBuilder()
                        .setOffset(letter.getOffset())
                        .setNumber(letter.getNumber())
                        .build())
                .toList();
        RedrivePartitionRequest ask = RedrivePartitionRequest.newBuilder()
                .setGroupId(group.getGroupId())
                .setPartition(partition)
                .addAllDeadLetters(redrives)
                .build();
        return atLeader(
                        group,
                        partition,
                        () -> local.redrive(group.getGroupId(), partition, redrives),
                        node -> Calls.map(
                                QueueNodeServiceGrpc.newFutureStub(node).redrivePartition(ask),
                                answer -> answer.getStatesList()))
                .thenApply(states -> states.stream()
                        .map(redriven ->
                                RedriveResult.newBuilder().setState(redriven).build())
                        .toList());
    }

    @Override
    public void listParkedRecords(ListParkedRecordsRequest request, StreamObserver<ListParkedRecordsResponse> to) {
        Replies.send(
                to,
                executor,
                () -> parked.list(groups.get(request.getTopic(), request.getName()), request)
                        .thenApply(records -> ListParkedRecordsResponse.newBuilder()
                                .setHeader(headers.header())
                                .addAllRecords(records)
                                .build()));
    }

    @Override
    public void decideParkedRecords(
            DecideParkedRecordsRequest request, StreamObserver<DecideParkedRecordsResponse> to) {
        Replies.send(
                to,
                executor,
                () -> parked.decide(groups.get(request.getTopic(), request.getName()), request)
                        .thenApply(results -> DecideParkedRecordsResponse.newBuilder()
                                .setHeader(headers.header())
                                .addAllResults(results)
                                .build()));
    }

    private <T> CompletableFuture<T> atLeader(
            GroupRow group,
            int partition,
            Supplier<CompletableFuture<T>> here,
            Function<Channel, ListenableFuture<T>> there) {
        return forwarder.run(GroupId.ofPartition(group.getTopicId(), partition), here, there);
    }
}
