package io.holdfast.node.stream;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.stream.StreamCoordinator;
import io.holdfast.consensus.stream.StreamViews;
import io.holdfast.internal.v1.DescribeInShardResponse;
import io.holdfast.internal.v1.ListShardRequest;
import io.holdfast.internal.v1.ListShardResponse;
import io.holdfast.internal.v1.MeasureLagRequest;
import io.holdfast.internal.v1.MeasureLagResponse;
import io.holdfast.internal.v1.SeekInShardRequest;
import io.holdfast.internal.v1.SeekInShardResponse;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.v1.WriteOutcome;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/** What this node's replicas say about stream groups. Any thread; every failure is a {@link Refusal}. */
final class LocalShards {
    private static final long RATE_SECONDS = 60;

    private final ClusterState state;

    LocalShards(ClusterState state) {
        this.state = state;
    }

    /** Asks a shard that this node leads; wakes it first. */
    <T> CompletableFuture<T> onLeader(GroupId shard, Function<StreamCoordinator, CompletableFuture<T>> action) {
        PartitionReplica replica = replica(shard);
        return replica.awake().thenCompose(ok -> {
            if (!replica.streamGroups().leads()) {
                throw replica.streamGroups().notLeader();
            }
            return action.apply(replica.streamGroups().coordinator());
        });
    }

    /** Asks after a round trip to the majority: who was leader once may not know what its successor has accepted. */
    private <T> CompletableFuture<T> fresh(GroupId shard, Function<StreamViews, T> question) {
        return replica(shard)
                .barrier()
                .thenCompose(ok -> onLeader(
                        shard, coordinator -> CompletableFuture.completedFuture(question.apply(coordinator.views()))));
    }

    private PartitionReplica replica(GroupId group) {
        PartitionReplica replica = state.replica(group);
        if (replica == null) {
            throw Refusal.notLeader(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, 0, "");
        }
        return replica;
    }

    CompletableFuture<ListShardResponse> list(ListShardRequest request) {
        GroupId shard = GroupId.ofPartition(request.getTopicId(), request.getShard());
        return fresh(
                shard,
                views -> ListShardResponse.newBuilder()
                        .addAllGroups(views.list())
                        .build());
    }

    CompletableFuture<DescribeInShardResponse> describe(GroupId shard, String name) {
        return fresh(shard, views -> views.describe(name));
    }

    CompletableFuture<SeekInShardResponse> seek(GroupId shard, SeekInShardRequest request) {
        return onLeader(shard, coordinator -> coordinator.seek(request.getName(), request.getSeek()))
                .thenApply(ok -> SeekInShardResponse.getDefaultInstance());
    }

    /** Does not wake the partition: at rest, and be it confirmed to be, all there is to know is in its files. */
    CompletableFuture<MeasureLagResponse> measure(MeasureLagRequest request) {
        PartitionReplica replica = replica(GroupId.ofPartition(request.getTopicId(), request.getPartition()));
        return request.getFresh()
                ? replica.barrier().thenApply(ok -> measure(replica, request))
                : CompletableFuture.completedFuture(measure(replica, request));
    }

    private static MeasureLagResponse measure(PartitionReplica replica, MeasureLagRequest request) {
        long nowMs = System.currentTimeMillis();
        long start = replica.log().startOffset();
        long end = replica.highWatermark();
        long offset = Math.max(start, Math.min(end, replica.log().offsetOf(request.getPosition())));
        MeasureLagResponse.Builder measured = MeasureLagResponse.newBuilder()
                .setLogStartOffset(start)
                .setEnd(end)
                .setOffset(offset);
        if (offset < end) {
            LogSlice slice = replica.log().read(offset, end, 1);
            if (!slice.batches().isEmpty()) {
                measured.setAgeMs(Math.max(0, nowMs - slice.batches().get(0).appendMs()));
            }
        }
        long minuteAgo = replica.log().offsetAt(nowMs - TimeUnit.SECONDS.toMillis(RATE_SECONDS));
        measured.setProducedPerSecond(Math.max(0, end - minuteAgo) / (double) RATE_SECONDS);
        return measured.build();
    }
}
