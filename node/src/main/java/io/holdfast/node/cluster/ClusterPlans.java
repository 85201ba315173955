package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.ClusterNodes;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.placement.PlannedNode;
import io.holdfast.node.placement.PlannedPartition;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import java.util.function.IntFunction;
import java.util.function.IntPredicate;

/** The metadata as the planner sees them. */
public final class ClusterPlans {
    private static final int SYSTEM_REPLICAS = 3;

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

    /**
     * All partitions, in an order of their own.
     *
     * @param damagedOn nodes whose replica of a partition is damaged
     */
    public static List<PlannedPartition> partitions(MetadataImage image, Function<GroupId, Set<Integer>> damagedOn) {
        List<PlannedPartition> partitions = new ArrayList<>();
        for (TopicRow topic : image.topics().values()) {
            for (int p = 0; p < topic.getAssignmentsCount(); p++) {
                PartitionAssignment assignment = topic.getAssignments(p);
                partitions.add(new PlannedPartition(
                        topic.getTopicId(),
                        p,
                        assignment.getReplicaNodesList(),
                        replicas(image, topic, assignment),
                        assignment.getUnconfirmedChange() != 0,
                        damagedOn.apply(MetadataImage.group(topic, p))));
            }
        }
        return partitions;
    }

    /** The cluster's own topics get more as it grows, and keep them. */
    private static int replicas(MetadataImage image, TopicRow topic, PartitionAssignment assignment) {
        if (!SystemTopics.isSystem(topic.getName())) {
            return topic.getReplicas();
        }
        int active = (int) image.nodes().keySet().stream()
                .filter(node -> image.clusterNodes().state(node) == NodeState.NODE_STATE_ACTIVE)
                .count();
        int odd = active % 2 == 0 ? active - 1 : active;
        return Math.max(assignment.getReplicaNodesCount(), Math.min(SYSTEM_REPLICAS, odd));
    }
}
