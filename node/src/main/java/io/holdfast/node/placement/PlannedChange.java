package io.holdfast.node.placement;

import java.util.HashSet;
import java.util.List;

/**
 * Other nodes for a partition, or the same in another order, which names another leader.
 *
 * @param reason for operators
 */
public record PlannedChange(long topicId, int partition, List<Integer> from, List<Integer> to, String reason) {
    /** Whether a replica moves, and not only leadership. */
    public boolean moves() {
        return !new HashSet<>(from).equals(new HashSet<>(to));
    }
}
