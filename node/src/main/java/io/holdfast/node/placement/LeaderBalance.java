package io.holdfast.node.placement;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Evens out who should lead, among replicas that are where they are. Where one node leads too much and another too
 * little and they share no partition, others between them pass a leadership on: a shortest augmenting path, as in
 * bipartite matching.
 */
final class LeaderBalance {
    private final List<List<Integer>> replicas;
    private final Map<Integer, Integer> leads;

    private LeaderBalance(List<List<Integer>> replicas, Map<Integer, Integer> leads) {
        this.replicas = replicas;
        this.leads = leads;
    }

    /**
     * Reorders the replicas of partitions until no node leads two more than another that could take one over.
     *
     * @param replicas nodes of each partition, the first should lead; changed in place
     * @param leads how many partitions each node should lead, these included; changed in place
     */
    static void even(List<List<Integer>> replicas, Map<Integer, Integer> leads) {
        LeaderBalance balance = new LeaderBalance(replicas, leads);
        boolean better = true;
        while (better) {
            better = balance.improve();
        }
    }

    private boolean improve() {
        List<Integer> busiestFirst = new ArrayList<>(new TreeMap<>(leads).keySet());
        busiestFirst.sort(
                Comparator.comparingInt((Integer node) -> -leads(node)).thenComparingInt(node -> node));
        for (int from : busiestFirst) {
            List<Handover> path = pathToIdler(from);
            if (path != null) {
                path.forEach(this::handOver);
                return true;
            }
        }
        return false;
    }

    /** A partition, and the node that should lead it from now on. */
    private record Handover(int partition, int from, int to) {}

    private @Nullable List<Handover> pathToIdler(int from) {
        Map<Integer, Handover> reachedBy = new HashMap<>();
        Deque<Integer> frontier = new ArrayDeque<>(List.of(from));
        while (!frontier.isEmpty()) {
            int node = frontier.remove();
            for (int p = 0; p < replicas.size(); p++) {
                if (replicas.get(p).get(0) != node) {
                    continue;
                }
                for (int next : replicas.get(p)) {
                    if (next == from || reachedBy.containsKey(next)) {
                        continue;
                    }
                    reachedBy.put(next, new Handover(p, node, next));
                    if (leads(next) + 2 <= leads(from)) {
                        return path(reachedBy, next);
                    }
                    frontier.add(next);
                }
            }
        }
        return null;
    }

    private static List<Handover> path(Map<Integer, Handover> reachedBy, int to) {
        List<Handover> path = new ArrayList<>();
        for (Handover step = reachedBy.get(to); step != null; step = reachedBy.get(step.from)) {
            path.add(step);
        }
        return path;
    }

    private void handOver(Handover step) {
        List<Integer> nodes = replicas.get(step.partition);
        Collections.swap(nodes, 0, nodes.indexOf(step.to));
        leads.merge(step.from, -1, Integer::sum);
        leads.merge(step.to, 1, Integer::sum);
    }

    private int leads(int node) {
        return leads.getOrDefault(node, 0);
    }
}
