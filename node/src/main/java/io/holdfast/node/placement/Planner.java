package io.holdfast.node.placement;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Decides what moves next. A pure and deterministic function: it is asked again after each change, and answers with
 * nothing once all is well.
 *
 * <p>In this order: what is on nodes that leave goes elsewhere; a damaged replica is given up, and made anew once it is
 * gone; partitions that lack replicas get them; replicas that
 * share a rack are spread over racks, and those too many go; nodes with many replicas give to nodes with few, until no two differ by more than
 * one; and when nothing moves any more, leaders are evened out. No step moves more than it must. A node that takes
 * nothing new, or is down, is left as it is.
 */
public final class Planner {
    private final Map<Integer, PlannedNode> nodes = new TreeMap<>();
    private final List<PlannedPartition> partitions;
    private final Map<Integer, Integer> load = new HashMap<>();
    private final Map<Integer, List<Integer>> partitionsOf = new HashMap<>();
    private final Map<Integer, PlannedChange> changes = new LinkedHashMap<>();
    private int movesLeft;

    private Planner(Collection<PlannedNode> nodes, List<PlannedPartition> partitions, int movingMax) {
        nodes.forEach(node -> this.nodes.put(node.id(), node));
        this.partitions = new ArrayList<>(partitions);
        movesLeft = movingMax;
        for (int p = 0; p < partitions.size(); p++) {
            PlannedPartition partition = partitions.get(p);
            movesLeft -= partition.moving() ? 1 : 0;
            for (int node : partition.nodes()) {
                load.merge(node, 1, Integer::sum);
                partitionsOf.computeIfAbsent(node, n -> new ArrayList<>()).add(p);
            }
        }
    }

    /**
     * The next changes; each partition occurs once at most.
     *
     * @param movingMax partitions that may be moving at a time, those that are already among them; leadership is free
     */
    public static List<PlannedChange> next(
            Collection<PlannedNode> nodes, List<PlannedPartition> partitions, int movingMax) {
        Planner planner = new Planner(nodes, partitions, movingMax);
        planner.leave();
        planner.repair();
        planner.complete();
        planner.shrink();
        planner.spreadOverRacks();
        planner.level();
        boolean moving = partitions.stream().anyMatch(PlannedPartition::moving)
                || planner.changes.values().stream().anyMatch(PlannedChange::moves);
        if (!moving) {
            planner.evenLeaders();
        }
        return List.copyOf(planner.changes.values());
    }

    /** All changes until nothing is left to do, one for each partition that ends up elsewhere or led by another. */
    public static List<PlannedChange> all(Collection<PlannedNode> nodes, List<PlannedPartition> partitions) {
        List<PlannedPartition> now = new ArrayList<>(partitions);
        Map<Integer, String> reasons = new LinkedHashMap<>();
        Map<List<Long>, Integer> index = new HashMap<>();
        for (int p = 0; p < now.size(); p++) {
            PlannedPartition partition = now.get(p);
            index.put(List.of(partition.topicId(), (long) partition.partition()), p);
            now.set(p, partition.settled());
        }
        List<PlannedChange> next = next(nodes, now, Integer.MAX_VALUE);
        while (!next.isEmpty()) {
            for (PlannedChange change : next) {
                int p = index.getOrDefault(List.of(change.topicId(), (long) change.partition()), 0);
                now.set(p, now.get(p).on(change.to()));
                reasons.putIfAbsent(p, change.reason());
            }
            next = next(nodes, now, Integer.MAX_VALUE);
        }
        List<PlannedChange> all = new ArrayList<>();
        reasons.forEach((p, reason) -> {
            PlannedPartition before = partitions.get(p);
            List<Integer> after = now.get(p).nodes();
            if (!before.nodes().equals(after)) {
                all.add(new PlannedChange(before.topicId(), before.partition(), before.nodes(), after, reason));
            }
        });
        return all;
    }

    // ---- what must

    private void leave() {
        for (int p = 0; p < partitions.size(); p++) {
            PlannedPartition partition = partitions.get(p);
            List<Integer> leaving =
                    partition.nodes().stream().filter(node -> !stays(node)).toList();
            if (leaving.isEmpty()) {
                continue;
            }
            List<Integer> staying = new ArrayList<>(partition.nodes());
            staying.removeAll(leaving);
            List<Integer> after = new ArrayList<>(staying);
            List<Integer> replaced = new ArrayList<>();
            if (movesLeft > 0 || partition.moving()) {
                for (int node : leaving) {
                    Integer taker = taker(after, partition);
                    if (taker != null) {
                        after.add(taker);
                        replaced.add(node);
                    }
                }
            }
            leaving.stream().filter(node -> !replaced.contains(node)).forEach(after::add);
            // Whoever stays leads before anybody who goes or has nothing yet.
            change(p, after, why(leaving.get(0)));
        }
    }

    private boolean stays(int node) {
        PlannedNode known = nodes.get(node);
        return known != null && known.stays();
    }

    private String why(int node) {
        PlannedNode known = nodes.get(node);
        return known == null ? "node " + node + " is not known any more" : known.leaving();
    }

    /** Only where all the others are well: a copy that is damaged is better than none. */
    private void repair() {
        for (int p = 0; p < partitions.size(); p++) {
            PlannedPartition partition = partitions.get(p);
            List<Integer> well = new ArrayList<>(partition.nodes());
            well.removeAll(partition.damaged());
            boolean one = well.size() == partition.nodes().size() - 1;
            boolean may = !changes.containsKey(p) && (movesLeft > 0 || partition.moving());
            if (!one || !may || well.isEmpty() || !well.stream().allMatch(this::leads)) {
                continue;
            }
            List<Integer> after = new ArrayList<>(well);
            Integer taker = taker(well, partition);
            if (taker != null) {
                after.add(taker);
            }
            List<Integer> ill = new ArrayList<>(partition.nodes());
            ill.removeAll(well);
            change(p, after, "its replica on node " + ill.get(0) + " is damaged");
        }
    }

    private void complete() {
        for (int p = 0; p < partitions.size() && movesLeft > 0; p++) {
            PlannedPartition partition = partitions.get(p);
            Integer taker = partition.nodes().size() < partition.replicas() && isUntouched(p)
                    ? taker(partition.nodes(), partition)
                    : null;
            if (taker != null) {
                List<Integer> after = new ArrayList<>(partition.nodes());
                after.add(taker);
                change(p, after, "it has " + partition.nodes().size() + " of " + partition.replicas() + " replicas");
            }
        }
    }

    private void shrink() {
        for (int p = 0; p < partitions.size() && movesLeft > 0; p++) {
            PlannedPartition partition = partitions.get(p);
            List<Integer> now = partition.nodes();
            if (now.size() > partition.replicas() && partition.replicas() > 0 && isUntouched(p)) {
                List<Integer> after = new ArrayList<>(now);
                // Not the first, which leads; of the others the one with most to do.
                now.stream().skip(1).max(Comparator.comparing(this::load)).ifPresent(after::remove);
                change(p, after, "it has " + now.size() + " replicas, " + partition.replicas() + " are wanted");
            }
        }
    }

    /** The node that can best take a replica, or null: in a rack of its own if there is one, then with little load. */
    private @Nullable Integer taker(List<Integer> beside, PlannedPartition partition) {
        Set<String> racks = racks(beside);
        return nodes.values().stream()
                .filter(node -> node.takes()
                        && node.stays()
                        && !partition.nodes().contains(node.id())
                        && !partition.damaged().contains(node.id())
                        && !beside.contains(node.id()))
                .min(Comparator.comparing((PlannedNode node) -> racks.contains(node.rack()))
                        .thenComparing(node -> load(node.id()))
                        .thenComparing(PlannedNode::id))
                .map(PlannedNode::id)
                .orElse(null);
    }

    // ---- what is better

    private void spreadOverRacks() {
        for (int p = 0; p < partitions.size() && movesLeft > 0; p++) {
            List<Integer> now = partitions.get(p).nodes();
            if (!isUntouched(p) || racks(now).size() == now.size() || racks(now).isEmpty()) {
                continue;
            }
            for (int i = now.size() - 1; i >= 0; i--) {
                List<Integer> rest = new ArrayList<>(now);
                int gone = rest.remove(i);
                Integer taker = taker(rest, partitions.get(p));
                if (taker != null && takes(gone) && isBetterSpread(rest, gone, taker)) {
                    rest.add(i, taker);
                    change(p, rest, "two of its replicas share a rack");
                    break;
                }
            }
        }
    }

    private boolean isBetterSpread(List<Integer> rest, int gone, int taker) {
        Set<String> racks = racks(rest);
        return racks.contains(rack(gone)) && !rack(taker).isEmpty() && !racks.contains(rack(taker));
    }

    private void level() {
        while (movesLeft > 0 && levelOne()) {
            // and again
        }
    }

    private boolean levelOne() {
        List<Integer> takers = new ArrayList<>();
        nodes.values().forEach(node -> {
            if (takes(node.id())) {
                takers.add(node.id());
            }
        });
        takers.sort(Comparator.comparing(this::load).thenComparing(node -> node));
        for (int from = takers.size() - 1; from > 0; from--) {
            for (int to = 0; to < from; to++) {
                int giver = takers.get(from);
                int taker = takers.get(to);
                if (load(giver) - load(taker) < 2) {
                    break;
                }
                if (give(giver, taker)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Moves one partition, rather one that the giver does not lead. */
    private boolean give(int giver, int taker) {
        Integer best = null;
        for (int p : partitionsOf.getOrDefault(giver, List.of())) {
            List<Integer> now = partitions.get(p).nodes();
            boolean cannot = now.contains(taker) || partitions.get(p).damaged().contains(taker);
            if (!isUntouched(p) || cannot || !keepsRacks(now, giver, taker)) {
                continue;
            }
            best = best == null ? p : best;
            if (now.get(0) != giver) {
                best = p;
                break;
            }
        }
        if (best == null) {
            return false;
        }
        List<Integer> after = new ArrayList<>(partitions.get(best).nodes());
        after.remove((Integer) giver);
        after.add(taker);
        change(best, after, "node " + taker + " has fewer replicas than node " + giver);
        return true;
    }

    private boolean keepsRacks(List<Integer> now, int giver, int taker) {
        List<Integer> after = new ArrayList<>(now);
        after.remove((Integer) giver);
        after.add(taker);
        return racks(after).size() >= racks(now).size();
    }

    private void evenLeaders() {
        if (nodes.values().stream().anyMatch(node -> node.stays() && !node.leads())) {
            return; // somebody is down: when it is back it leads what it led
        }
        List<List<Integer>> able = new ArrayList<>();
        Map<Integer, Integer> leads = new HashMap<>();
        for (int p = 0; p < partitions.size(); p++) {
            List<Integer> mayLead = new ArrayList<>(nodesOf(p));
            mayLead.removeIf(node -> !stays(node));
            able.add(mayLead.isEmpty() ? new ArrayList<>(nodesOf(p)) : mayLead);
            leads.merge(able.get(p).get(0), 1, Integer::sum);
        }
        LeaderBalance.even(able, leads);
        for (int p = 0; p < partitions.size(); p++) {
            List<Integer> after = new ArrayList<>(able.get(p));
            nodesOf(p).stream().filter(node -> !after.contains(node)).forEach(after::add);
            if (!after.get(0).equals(nodesOf(p).get(0))) {
                change(p, after, "leaders are evened out");
            }
        }
    }

    // ---- state

    /** Nodes of a partition with this plan's change of it. */
    private List<Integer> nodesOf(int p) {
        PlannedChange change = changes.get(p);
        return change == null ? partitions.get(p).nodes() : change.to();
    }

    private void change(int p, List<Integer> after, String reason) {
        PlannedPartition partition = partitions.get(p);
        List<Integer> before = partition.nodes();
        if (before.equals(after)) {
            return;
        }
        PlannedChange change =
                new PlannedChange(partition.topicId(), partition.partition(), before, List.copyOf(after), reason);
        if (change.moves()) {
            movesLeft -= partition.moving() ? 0 : 1;
            before.forEach(node -> load.merge(node, -1, Integer::sum));
            after.forEach(node -> load.merge(node, 1, Integer::sum));
        }
        changes.put(p, change);
    }

    private boolean isUntouched(int p) {
        return !partitions.get(p).moving() && !changes.containsKey(p);
    }

    private boolean takes(int node) {
        PlannedNode known = nodes.get(node);
        return known != null && known.takes() && known.stays();
    }

    private boolean leads(int node) {
        PlannedNode known = nodes.get(node);
        return known != null && known.leads();
    }

    private int load(int node) {
        return load.getOrDefault(node, 0);
    }

    private String rack(int node) {
        PlannedNode known = nodes.get(node);
        return known == null ? "" : known.rack();
    }

    private Set<String> racks(List<Integer> of) {
        Set<String> racks = new HashSet<>();
        of.forEach(node -> racks.add(rack(node)));
        racks.remove("");
        return racks;
    }
}
