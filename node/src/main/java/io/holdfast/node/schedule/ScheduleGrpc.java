package io.holdfast.node.schedule;

import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.schedule.SchedulePosition;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Appends;
import io.holdfast.node.service.ByPartition;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.node.service.Headers;
import io.holdfast.node.service.Replies;
import io.holdfast.node.service.ScheduleId;
import io.holdfast.v1.CancelScheduledRequest;
import io.holdfast.v1.CancelScheduledResponse;
import io.holdfast.v1.CancelScheduledResult;
import io.holdfast.v1.ListScheduledRequest;
import io.holdfast.v1.ListScheduledResponse;
import io.holdfast.v1.ScheduleServiceGrpc;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/** ScheduleService: asks the partitions' leaders, and puts their answers together. */
final class ScheduleGrpc extends ScheduleServiceGrpc.ScheduleServiceImplBase {
    private static final int IDS_MAX = 10_000;

    private final ClusterState state;
    private final Appends appends;
    private final Forwarder forwarder;
    private final Headers headers;
    private final Executor executor;

    ScheduleGrpc(ClusterState state, Appends appends, Forwarder forwarder, Headers headers, Executor executor) {
        this.state = state;
        this.appends = appends;
        this.forwarder = forwarder;
        this.headers = headers;
        this.executor = executor;
    }

    // ---- list

    @Override
    public void listScheduled(ListScheduledRequest request, StreamObserver<ListScheduledResponse> to) {
        Replies.send(to, executor, () -> list(request));
    }

    private CompletableFuture<ListScheduledResponse> list(ListScheduledRequest request) {
        @Nullable
        ScheduleId after =
                request.getAfterScheduleId().isEmpty() ? null : ScheduleId.parse(request.getAfterScheduleId());
        int most = SchedulePages.most(request.getMaxRecords());
        TopicRow topic = state.topic(request.getTopic());
        List<CompletableFuture<ListScheduledResponse>> pages = new ArrayList<>();
        for (int partition = 0; partition < topic.getAssignmentsCount(); partition++) {
            if (!request.hasPartition() || request.getPartition() == partition) {
                pages.add(page(state.group(topic.getName(), partition), request, after, most));
            }
        }
        if (pages.isEmpty()) {
            state.group(topic.getName(), request.getPartition()); // says that there is none
        }
        return Calls.all(pages)
                .thenApply(all -> SchedulePages.merge(all, most)
                        .setHeader(headers.header())
                        .build());
    }

    private CompletableFuture<ListScheduledResponse> page(
            GroupId group, ListScheduledRequest request, @Nullable ScheduleId after, int most) {
        ListScheduledRequest alone =
                request.toBuilder().setPartition(group.partition()).build();
        return forwarder.run(
                group,
                () -> {
                    PartitionReplica replica = appends.leaderReplica(group);
                    return replica.barrier().thenApplyAsync(ok -> SchedulePages.of(replica, after, most), executor);
                },
                node -> ScheduleServiceGrpc.newFutureStub(node).listScheduled(alone));
    }

    // ---- cancel

    @Override
    public void cancelScheduled(CancelScheduledRequest request, StreamObserver<CancelScheduledResponse> to) {
        Replies.send(to, executor, () -> {
            if (request.getScheduleIdsCount() > IDS_MAX) {
                throw Refusal.invalid("cancel at most " + IDS_MAX + " records at once");
            }
            List<ScheduleId> ids =
                    request.getScheduleIdsList().stream().map(ScheduleId::parse).toList();
            TopicRow topic = state.topic(request.getTopic());
            ids.forEach(id -> state.group(topic.getName(), id.partition())); // says which one there is not
            return ByPartition.ask(
                            ids,
                            ScheduleId::partition,
                            (partition, some) -> cancel(state.group(topic.getName(), partition), topic, some),
                            failure -> CancelScheduledResult.newBuilder()
                                    .setError(Errors.item(failure))
                                    .build())
                    .thenApply(results -> CancelScheduledResponse.newBuilder()
                            .setHeader(headers.header())
                            .addAllResults(results)
                            .build());
        });
    }

    private CompletableFuture<List<CancelScheduledResult>> cancel(GroupId group, TopicRow topic, List<ScheduleId> ids) {
        CancelScheduledRequest.Builder alone =
                CancelScheduledRequest.newBuilder().setTopic(topic.getName());
        ids.forEach(id -> alone.addScheduleIds(id.toString()));
        return forwarder
                .run(
                        group,
                        () -> cancelHere(group, ids),
                        node -> ScheduleServiceGrpc.newFutureStub(node).cancelScheduled(alone.build()))
                .thenApply(CancelScheduledResponse::getResultsList);
    }

    private CompletableFuture<CancelScheduledResponse> cancelHere(GroupId group, List<ScheduleId> ids) {
        List<SchedulePosition> positions =
                ids.stream().map(ScheduleId::position).toList();
        return appends.leaderReplica(group).schedule().cancel(positions).thenApply(cancelled -> {
            CancelScheduledResponse.Builder response = CancelScheduledResponse.newBuilder();
            cancelled.forEach(was ->
                    response.addResults(CancelScheduledResult.newBuilder().setCancelled(was)));
            return response.build();
        });
    }
}
