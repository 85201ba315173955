package io.holdfast.node.service;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterPlans;
import io.holdfast.node.placement.PlannedChange;
import io.holdfast.node.placement.PlannedPartition;
import io.holdfast.node.placement.Planner;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.ReplicaMove;
import io.holdfast.v1.SetNodeStateResponse;
import io.holdfast.v1.TopicPartition;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/** What would move if something else were wanted of a node. */
final class NodePlans {
    private NodePlans() {}

    /** All moves until the cluster is at ease again, and what could not leave the node though it should. */
    static SetNodeStateResponse plan(MetadataImage now, int node, NodeState wanted, IntPredicate isDown) {
        MetadataImage image = now.withNodeState(node, wanted);
        List<PlannedPartition> partitions = ClusterPlans.partitions(image, group -> Set.of());
        Map<TopicPartition, List<Integer>> after = new LinkedHashMap<>();
        for (PlannedPartition partition : partitions) {
            after.put(name(image, partition.topicId(), partition.partition()), partition.nodes());
        }
        SetNodeStateResponse.Builder plan = SetNodeStateResponse.newBuilder();
        for (PlannedChange change : Planner.all(ClusterPlans.nodes(image, isDown, id -> ""), partitions)) {
            TopicPartition name = name(image, change.topicId(), change.partition());
            after.put(name, change.to());
            plan.addMoves(ReplicaMove.newBuilder()
                    .setPartition(name)
                    .addAllFromNodes(change.from())
                    .addAllToNodes(change.to())
                    .setReason(change.reason()));
        }
        if (wanted == NodeState.NODE_STATE_DRAINING || wanted == NodeState.NODE_STATE_REMOVING) {
            after.forEach((partition, replicas) -> {
                if (replicas.contains(node)) {
                    plan.addStuck(partition);
                }
            });
        }
        return plan.build();
    }

    private static TopicPartition name(MetadataImage image, long topicId, int partition) {
        TopicRow topic = image.topic(topicId);
        return TopicPartition.newBuilder()
                .setTopic(topic == null ? "" : topic.getName())
                .setPartition(partition)
                .build();
    }
}
