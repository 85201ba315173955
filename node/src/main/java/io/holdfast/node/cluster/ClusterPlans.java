package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.ClusterNodes;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.placement.PlannedNode;
import io.holdfast.node.placement.PlannedPartition;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** The metadata as the planner sees them. */
public final class ClusterPlans {
    private ClusterPlans() {}

    /**
     * @param isDown whether a node does not answer now: it gets nothing
     * @param gaveUp why the replicas of a node that does not answer are to be made anew elsewhere; empty if they are not
     */
    public static List<PlannedNode> nodes(MetadataImage image, IntPredicate isDown, IntFunction<String> gaveUp) {
        List<PlannedNode> nodes = new ArrayList<>();
        ClusterNodes cluster = image.clusterNodes();
        for (NodeRow row : image.nodes().values()) {
            int id = row.getNodeId();
            NodeState state = cluster.state(id);
            boolean up = !isDown.test(id);
            String leaving = leaving(id, state);
            nodes.add(new PlannedNode(
                    id,
                    row.getRack(),
                    up && state == NodeState.NODE_STATE_ACTIVE,
                    up,
                    leaving.isEmpty() ? gaveUp.apply(id) : leaving));
        }
        return nodes;
    }

    private static String leaving(int id, NodeState state) {
        return switch (state) {
            case NODE_STATE_DRAINING -> "node " + id + " is drained";
            case NODE_STATE_REMOVING -> "node " + id + " is removed";
            default -> "";
        };
    }

    /** All partitions, in an order of their own. */
    public static List<PlannedPartition> partitions(MetadataImage image) {
        List<PlannedPartition> partitions = new ArrayList<>();
        for (TopicRow topic : image.topics().values()) {
            for (int p = 0; p < topic.getAssignmentsCount(); p++) {
                PartitionAssignment assignment = topic.getAssignments(p);
                partitions.add(new PlannedPartition(
                        topic.getTopicId(),
                        p,
                        assignment.getReplicaNodesList(),
                        topic.getReplicas(),
                        assignment.getUnconfirmedChange() != 0));
            }
        }
        return partitions;
    }
}
