package io.holdfast.node.cluster;

import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Chooses nodes for the partitions of a new topic. A pure function: same input, same answer. */
final class Placement {
    private Placement() {}

    /**
     * Each partition gets {@code replicas} different nodes, from as many racks as there are, those with the fewest
     * replicas first.
     *
     * @param existing all assignments there are already
     * @throws IllegalArgumentException if there are fewer nodes than replicas
     */
    static List<PartitionAssignment> place(
            Collection<NodeRow> nodes, Collection<PartitionAssignment> existing, int partitions, int replicas) {
        if (replicas > nodes.size()) {
            throw new IllegalArgumentException(
                    "ask for at most " + nodes.size() + " replicas, or start more nodes: so many have joined so far");
        }
        Map<Integer, Integer> load = new HashMap<>();
        for (PartitionAssignment assignment : existing) {
            assignment.getReplicaNodesList().forEach(node -> load.merge(node, 1, Integer::sum));
        }
        List<PartitionAssignment> placed = new ArrayList<>();
        for (int p = 0; p < partitions; p++) {
            int turn = p;
            List<NodeRow> candidates = new ArrayList<>(nodes);
            candidates.sort(Comparator.comparingInt((NodeRow n) -> load.getOrDefault(n.getNodeId(), 0))
                    .thenComparingInt(n -> Math.floorMod(n.getNodeId() - turn, 1 << 20)));
            PartitionAssignment.Builder assignment = PartitionAssignment.newBuilder();
            Set<String> racks = new HashSet<>();
            while (assignment.getReplicaNodesCount() < replicas) {
                NodeRow chosen = candidates.stream()
                        .filter(n -> n.getRack().isEmpty() || !racks.contains(n.getRack()))
                        .findFirst()
                        .orElse(candidates.get(0));
                candidates.remove(chosen);
                racks.add(chosen.getRack());
                assignment.addReplicaNodes(chosen.getNodeId());
                load.merge(chosen.getNodeId(), 1, Integer::sum);
            }
            placed.add(assignment.build());
        }
        return placed;
    }
}
