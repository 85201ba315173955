package io.holdfast.node.placement;

import java.util.List;
import java.util.Set;

/**
 * A partition, as the planner sees it.
 *
 * @param nodes that shall have a replica, the first should lead
 * @param replicas how many it should have
 * @param moving an earlier change of its nodes is not complete yet
 * @param damaged nodes whose replica is damaged, or was and is not deleted yet
 */
public record PlannedPartition(
        long topicId, int partition, List<Integer> nodes, int replicas, boolean moving, Set<Integer> damaged) {
    PlannedPartition on(List<Integer> others) {
        return new PlannedPartition(topicId, partition, others, replicas, moving, damaged);
    }

    PlannedPartition settled() {
        return new PlannedPartition(topicId, partition, nodes, replicas, false, Set.of());
    }
}
