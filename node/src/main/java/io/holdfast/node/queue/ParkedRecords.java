package io.holdfast.node.queue;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.DecideParkedPartitionRequest;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.ListParkedPartitionRequest;
import io.holdfast.internal.v1.QueueNodeServiceGrpc;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.ByPartition;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.v1.DecideParkedRecordsRequest;
import io.holdfast.v1.DecideParkedResult;
import io.holdfast.v1.ListParkedRecordsRequest;
import io.holdfast.v1.ParkedDecision;
import io.holdfast.v1.ParkedPlace;
import io.holdfast.v1.ParkedRecord;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** Asks the partitions' leaders for records that a group has parked, and tells them what becomes of them. */
final class ParkedRecords {
    private static final int LISTED_DEFAULT = 100;
    private static final int LISTED_MAX = 1_000;
    private static final int DECIDED_MAX = 10_000;

    private final ClusterState state;
    private final LocalQueues local;
    private final Forwarder forwarder;

    ParkedRecords(ClusterState state, LocalQueues local, Forwarder forwarder) {
        this.state = state;
        this.local = local;
        this.forwarder = forwarder;
    }

    CompletableFuture<List<ParkedRecord>> list(GroupRow group, ListParkedRecordsRequest request) {
        int most = request.getMaxRecords() == 0
                ? LISTED_DEFAULT
                : Math.min(LISTED_MAX, Math.max(1, request.getMaxRecords()));
        List<CompletableFuture<List<ParkedRecord>>> parts = new ArrayList<>();
        for (int p = 0; p < state.topic(group.getTopic()).getAssignmentsCount(); p++) {
            int partition = p;
            ListParkedPartitionRequest ask = ListParkedPartitionRequest.newBuilder()
                    .setGroupId(group.getGroupId())
                    .setPartition(partition)
                    .setMaxRecords(most)
                    .build();
            parts.add(forwarder.run(
                    GroupId.ofPartition(group.getTopicId(), partition),
                    () -> local.parked(group.getGroupId(), partition, most),
                    node -> Calls.map(
                            QueueNodeServiceGrpc.newFutureStub(node).listParkedPartition(ask),
                            answer -> answer.getRecordsList())));
        }
        return Calls.all(parts)
                .thenApply(lists -> lists.stream().flatMap(List::stream).toList());
    }

    CompletableFuture<List<DecideParkedResult>> decide(GroupRow group, DecideParkedRecordsRequest request) {
        ParkedDecision decision = request.getDecision();
        if (decision == ParkedDecision.PARKED_DECISION_UNSPECIFIED || decision == ParkedDecision.UNRECOGNIZED) {
            throw Refusal.invalid("say what becomes of the records: retry, dead or done");
        }
        if (request.getPlacesCount() > DECIDED_MAX) {
            throw Refusal.invalid("decide about at most " + DECIDED_MAX + " records at a time");
        }
        request.getPlacesList().forEach(place -> state.group(group.getTopic(), place.getPartition()));
        return ByPartition.ask(
                request.getPlacesList(),
                ParkedPlace::getPartition,
                (partition, places) -> decide(group, partition, places, decision),
                failure -> DecideParkedResult.newBuilder()
                        .setError(Errors.item(failure))
                        .build());
    }

    private CompletableFuture<List<DecideParkedResult>> decide(
            GroupRow group, int partition, List<ParkedPlace> places, ParkedDecision decision) {
        List<Long> offsets = places.stream().map(ParkedPlace::getOffset).toList();
        DecideParkedPartitionRequest ask = DecideParkedPartitionRequest.newBuilder()
                .setGroupId(group.getGroupId())
                .setPartition(partition)
                .addAllOffsets(offsets)
                .setDecision(decision)
                .build();
        return forwarder
                .run(
                        GroupId.ofPartition(group.getTopicId(), partition),
                        () -> local.decide(group.getGroupId(), partition, offsets, decision),
                        node -> Calls.map(
                                QueueNodeServiceGrpc.newFutureStub(node).decideParkedPartition(ask),
                                answer -> answer.getDecidedList()))
                .thenApply(decided -> decided.stream()
                        .map(was ->
                                DecideParkedResult.newBuilder().setDecided(was).build())
                        .toList());
    }
}
