package io.holdfast.node.stream;

import io.holdfast.internal.v1.DescribeInShardResponse;
import io.holdfast.internal.v1.OffsetRow;
import io.holdfast.internal.v1.StreamSeek;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.v1.SeekStreamGroupRequest;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.SoughtOffset;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.TopicPartition;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

/** Finds out what positions come to, then has them written as committed offsets. Any thread. */
final class Seek {
    private final ClusterState state;
    private final ShardLeaders leaders;
    private final Lag lag;

    Seek(ClusterState state, ShardLeaders leaders, Lag lag) {
        this.state = state;
        this.leaders = leaders;
        this.lag = lag;
    }

    /** Completes with what has been sought, or would be. */
    CompletableFuture<List<SoughtOffset>> run(SeekStreamGroupRequest request) {
        return leaders.describe(request.getName())
                .thenCompose(known -> plan(known, request))
                .thenCompose(plan -> request.getPlanOnly() || plan.isEmpty()
                        ? CompletableFuture.completedFuture(plan)
                        : leaders.seek(request.getName(), command(plan)).thenApply(ok -> plan));
    }

    private CompletableFuture<List<SoughtOffset>> plan(DescribeInShardResponse known, SeekStreamGroupRequest request) {
        Map<TopicPartition, Long> committed = new HashMap<>();
        known.getDescription().getPartitionsList().stream()
                .filter(StreamPartition::hasCommitted)
                .forEach(partition -> committed.put(partition.getPartition(), partition.getCommitted()));
        List<CompletableFuture<SoughtOffset>> plan = new ArrayList<>();
        for (SeekTarget target : request.getTargetsList()) {
            TopicRow topic = state.topic(target.getTopic());
            int first = target.hasPartition() ? target.getPartition() : 0;
            int last = target.hasPartition() ? first : topic.getAssignmentsCount() - 1;
            for (int p = first; p <= last; p++) {
                TopicPartition partition = TopicPartition.newBuilder()
                        .setTopic(topic.getName())
                        .setPartition(p)
                        .build();
                plan.add(lag.measure(partition, target.getTo(), true).thenApply(facts -> {
                    SoughtOffset.Builder one =
                            SoughtOffset.newBuilder().setPartition(partition).setTo(facts.getOffset());
                    Long before = committed.get(partition);
                    return (before == null ? one : one.setFrom(before)).build();
                }));
            }
        }
        return Calls.all(plan);
    }

    private StreamSeek command(List<SoughtOffset> plan) {
        StreamSeek.Builder seek = StreamSeek.newBuilder();
        for (SoughtOffset one : plan) {
            seek.addOffsets(OffsetRow.newBuilder()
                    .setTopicId(state.topic(one.getPartition().getTopic()).getTopicId())
                    .setPartition(one.getPartition().getPartition())
                    .setOffset(one.getTo()));
        }
        return seek.build();
    }
}
