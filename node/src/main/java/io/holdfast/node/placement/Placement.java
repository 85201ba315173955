package io.holdfast.node.placement;

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
public final class Placement {
    private Placement() {}

    /**
     * Each partition gets {@code replicas} different nodes, from as many racks as there are, those with the fewest
     * replicas first. The first of them is the one that should lead: the one that leads least.
     *
     * @param existing all assignments there are already
     * @throws IllegalArgumentException if there are fewer nodes than replicas
     */
    public static List<PartitionAssignment> place(
            Collection<NodeRow> nodes, Collection<PartitionAssignment> existing, int partitions, int replicas) {
        if (replicas > nodes.size()) {
            throw new IllegalArgumentException("ask for at most " + nodes.size()
                    + " replicas, or start more nodes: so many have joined and are in use");
        }
        Map<Integer, Integer> load = new HashMap<>();
        Map<Integer, Integer> leads = new HashMap<>();
        for (PartitionAssignment assignment : existing) {
            count(assignment.getReplicaNodesList(), load, leads);
        }
        Comparator<NodeRow> byLeads = Comparator.comparingInt((NodeRow n) -> leads.getOrDefault(n.getNodeId(), 0));
        Comparator<NodeRow> byLoad = Comparator.comparingInt((NodeRow n) -> load.getOrDefault(n.getNodeId(), 0));
        List<List<Integer>> placed = new ArrayList<>();
        for (int p = 0; p < partitions; p++) {
            List<NodeRow> candidates = new ArrayList<>(nodes);
            candidates.sort(byLoad.thenComparing(byLeads).thenComparingInt(NodeRow::getNodeId));
            List<NodeRow> chosen = new ArrayList<>();
            Set<String> racks = new HashSet<>();
            while (chosen.size() < replicas) {
                NodeRow next = candidates.stream()
                        .filter(n -> n.getRack().isEmpty() || !racks.contains(n.getRack()))
                        .findFirst()
                        .orElse(candidates.get(0));
                candidates.remove(next);
                racks.add(next.getRack());
                chosen.add(next);
            }
            chosen.sort(byLeads.thenComparing(byLoad).thenComparingInt(NodeRow::getNodeId));
            List<Integer> ids =
                    new ArrayList<>(chosen.stream().map(NodeRow::getNodeId).toList());
            count(ids, load, leads);
            placed.add(ids);
        }
        LeaderBalance.even(placed, leads);
        return placed.stream()
                .map(ids ->
                        PartitionAssignment.newBuilder().addAllReplicaNodes(ids).build())
                .toList();
    }

    private static void count(List<Integer> replicas, Map<Integer, Integer> load, Map<Integer, Integer> leads) {
        leads.merge(replicas.get(0), 1, Integer::sum);
        replicas.forEach(node -> load.merge(node, 1, Integer::sum));
    }
}
