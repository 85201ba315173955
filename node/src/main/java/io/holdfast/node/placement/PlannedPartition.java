package io.holdfast.node.placement;

import java.util.List;

/**
 * A partition, as the planner sees it.
 *
 * @param nodes that shall have a replica, the first should lead
 * @param replicas how many it should have
 * @param moving an earlier change of its nodes is not complete yet
 */
public record PlannedPartition(long topicId, int partition, List<Integer> nodes, int replicas, boolean moving) {
    PlannedPartition on(List<Integer> others) {
        return new PlannedPartition(topicId, partition, others, replicas, moving);
    }
}
