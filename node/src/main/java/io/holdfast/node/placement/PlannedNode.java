package io.holdfast.node.placement;

/**
 * A node, as the planner sees it.
 *
 * @param rack empty if there are none
 * @param takes may get replicas that it does not have
 * @param leads may lead; a node that is down should not
 * @param leaving why what it has must go elsewhere; empty if it stays
 */
public record PlannedNode(int id, String rack, boolean takes, boolean leads, String leaving) {
    boolean stays() {
        return leaving.isEmpty();
    }
}
