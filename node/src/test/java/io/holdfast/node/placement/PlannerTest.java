package io.holdfast.node.placement;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PlannerTest {
    private static final int SEEDS = Integer.getInteger("holdfast.seeds", 200);

    @Test
    void nothingMovesWhereAllIsWell() {
        List<PlannedPartition> partitions = placed(nodes(3), 12, 3);
        assertThat(Planner.next(nodes(3), partitions, 100)).isEmpty();
    }

    @Test
    void aNewNodeGetsItsShareAndNothingElseMoves() {
        List<PlannedPartition> partitions = placed(nodes(3), 12, 3);
        List<PlannedChange> changes = Planner.all(nodes(4), partitions);
        assertThat(changes.stream().filter(PlannedChange::moves)).hasSize(9);
        assertThat(changes.stream().filter(PlannedChange::moves))
                .allMatch(change -> change.to().contains(4) && !change.from().contains(4));
        List<PlannedPartition> after = after(partitions, changes);
        assertThat(loads(after).values()).containsOnly(9);
        assertThat(leads(after).values()).containsOnly(3);
    }

    @Test
    void whoLeavesLosesLeadershipAtOnceAndReplicasAFewAtATime() {
        List<PlannedNode> nodes = nodes(4);
        nodes.set(0, leaving(1));
        List<PlannedPartition> partitions = placed(nodes(4), 40, 3);
        List<PlannedChange> changes = Planner.next(nodes, partitions, 5);
        assertThat(changes.stream().filter(PlannedChange::moves)).hasSize(5);
        List<PlannedPartition> after = after(partitions, changes);
        assertThat(leads(after)).doesNotContainKey(1);
        assertThat(changes).allMatch(change -> change.reason().equals("node 1 is drained"));
    }

    @Test
    void withoutANodeToTakeItNothingGoes() {
        List<PlannedNode> nodes = nodes(3);
        nodes.set(0, leaving(1));
        List<PlannedPartition> partitions = placed(nodes(3), 6, 3);
        List<PlannedChange> changes = Planner.all(nodes, partitions);
        assertThat(changes).noneMatch(PlannedChange::moves);
        assertThat(leads(after(partitions, changes))).doesNotContainKey(1);
    }

    @Test
    void aMoveToANodeThatIsGivenUpMeanwhileIsTurned() {
        List<PlannedNode> nodes = nodes(5);
        nodes.set(3, new PlannedNode(4, "", false, false, "node 4 has not answered"));
        List<PlannedPartition> moving = List.of(new PlannedPartition(1, 0, List.of(1, 2, 4), 3, true, Set.of()));
        assertThat(Planner.next(nodes, moving, 0)).extracting(PlannedChange::to).containsExactly(List.of(1, 2, 3));
    }

    @Test
    void aCordonedNodeKeepsWhatItHasAndGetsNothing() {
        List<PlannedPartition> partitions = placed(nodes(3), 12, 3);
        List<PlannedNode> nodes = nodes(5);
        nodes.set(2, new PlannedNode(3, "", false, true, ""));
        nodes.set(4, new PlannedNode(5, "", false, true, ""));
        List<PlannedPartition> after = after(partitions, Planner.all(nodes, partitions));
        assertThat(loads(after)).containsEntry(3, 12).doesNotContainKey(5);
        assertThat(loads(after)).containsEntry(4, 8);
    }

    @Test
    void replicasThatShareARackAreSpreadWhenThereIsAnother() {
        List<PlannedNode> nodes = List.of(node(1, "a"), node(2, "a"), node(3, "b"), node(4, "c"));
        List<PlannedPartition> partitions = List.of(new PlannedPartition(1, 0, List.of(1, 2, 3), 3, false, Set.of()));
        assertThat(Planner.all(nodes, partitions)).extracting(PlannedChange::to).containsExactly(List.of(1, 4, 3));
    }

    @Test
    void missingReplicasAreMadeOneAtATime() {
        List<PlannedPartition> partitions = List.of(new PlannedPartition(1, 0, List.of(2), 3, false, Set.of()));
        assertThat(Planner.next(nodes(3), partitions, 10))
                .extracting(PlannedChange::to)
                .containsExactly(List.of(2, 1));
        assertThat(Planner.all(nodes(3), partitions))
                .extracting(change -> new HashSet<>(change.to()))
                .containsExactly(new HashSet<>(Set.of(1, 2, 3)));
    }

    @Test
    void aDamagedReplicaIsGivenUpAndMadeAnewWhenItIsGone() {
        PlannedPartition ill = new PlannedPartition(1, 0, List.of(1, 2, 3), 3, false, Set.of(1));
        assertThat(Planner.next(nodes(3), List.of(ill), 10))
                .extracting(PlannedChange::to)
                .as("nobody else can take it")
                .containsExactly(List.of(2, 3));
        assertThat(Planner.next(nodes(3), List.of(ill.on(List.of(2, 3))), 10))
                .as("what was damaged is still there")
                .isEmpty();
        assertThat(Planner.next(nodes(3), List.of(ill.on(List.of(2, 3)).settled()), 10))
                .extracting(PlannedChange::to)
                .containsExactly(List.of(2, 3, 1));
        PlannedPartition onTheWay = new PlannedPartition(1, 0, List.of(1, 2, 3), 3, true, Set.of(1));
        assertThat(Planner.next(nodes(3), List.of(onTheWay), 0))
                .extracting(PlannedChange::to)
                .as("also where it was on its way")
                .containsExactly(List.of(2, 3));
        assertThat(Planner.next(nodes(4), List.of(ill), 10))
                .extracting(PlannedChange::to)
                .containsExactly(List.of(2, 3, 4));
    }

    @Test
    void aDamagedReplicaStaysWhereAnotherIsNotWell() {
        PlannedPartition two = new PlannedPartition(1, 0, List.of(1, 2, 3), 3, false, Set.of(1, 2));
        PlannedPartition only = new PlannedPartition(1, 1, List.of(1), 1, false, Set.of(1));
        assertThat(Planner.next(nodes(3), List.of(two, only), 10)).noneMatch(PlannedChange::moves);
        List<PlannedNode> nodes = nodes(4);
        nodes.set(1, new PlannedNode(2, "", false, false, ""));
        PlannedPartition ill = new PlannedPartition(1, 0, List.of(1, 2, 3), 3, false, Set.of(1));
        assertThat(Planner.next(nodes, List.of(ill), 10)).noneMatch(PlannedChange::moves);
    }

    @Test
    void replicasTooManyGo() {
        List<PlannedPartition> partitions = List.of(new PlannedPartition(1, 0, List.of(2, 1, 3), 1, false, Set.of()));
        assertThat(Planner.all(nodes(3), partitions))
                .extracting(PlannedChange::to)
                .containsExactly(List.of(2));
    }

    /** Any cluster, after anything was done to it: it comes to rest, and then it is as it should be. */
    @Test
    void everyClusterComesToRestBalanced() {
        for (int seed = 0; seed < SEEDS; seed++) {
            Random random = new Random(seed);
            int racks = random.nextInt(4);
            int count = 3 + random.nextInt(12);
            int replicas = random.nextBoolean() ? 3 : 1;
            List<PlannedNode> nodes = new ArrayList<>();
            for (int id = 1; id <= count; id++) {
                nodes.add(node(id, racks == 0 ? "" : "r" + random.nextInt(racks)));
            }
            List<PlannedPartition> partitions = placed(nodes, 1 + random.nextInt(60), replicas);
            for (int round = 0; round < 3; round++) {
                disturb(random, nodes, replicas);
                List<PlannedChange> changes = Planner.all(nodes, partitions);
                assertThat(Planner.all(nodes, partitions))
                        .as("seed %d: deterministic", seed)
                        .isEqualTo(changes);
                partitions = after(partitions, changes);
                check(seed, racks, nodes, partitions, replicas);
            }
        }
    }

    private static void disturb(Random random, List<PlannedNode> nodes, int replicas) {
        switch (random.nextInt(3)) {
            case 0 -> nodes.add(node(nodes.size() + 1, nodes.get(0).rack()));
            case 1 -> {
                long staying = nodes.stream().filter(PlannedNode::stays).count();
                if (staying > replicas) {
                    int at = random.nextInt(nodes.size());
                    nodes.set(at, leaving(nodes.get(at).id()));
                }
            }
            default -> {
                int at = random.nextInt(nodes.size());
                nodes.set(at, node(nodes.get(at).id(), nodes.get(at).rack()));
            }
        }
    }

    private static void check(
            int seed, int racks, List<PlannedNode> nodes, List<PlannedPartition> partitions, int replicas) {
        Set<Integer> staying = new HashSet<>();
        nodes.stream().filter(PlannedNode::stays).forEach(node -> staying.add(node.id()));
        for (PlannedPartition partition : partitions) {
            assertThat(new HashSet<>(partition.nodes()))
                    .as("seed %d: no node twice", seed)
                    .hasSize(replicas);
            assertThat(staying).as("seed %d: nobody on a node that left", seed).containsAll(partition.nodes());
        }
        Map<Integer, Integer> loads = loads(partitions);
        int most = staying.stream()
                .mapToInt(node -> loads.getOrDefault(node, 0))
                .max()
                .orElse(0);
        int least = staying.stream()
                .mapToInt(node -> loads.getOrDefault(node, 0))
                .min()
                .orElse(0);
        if (racks == 0) {
            assertThat(most - least)
                    .as("seed %d: replicas within one: %s", seed, loads)
                    .isLessThanOrEqualTo(1);
        }
        Map<Integer, Integer> leads = leads(partitions);
        if (racks == 0 && replicas == 3) {
            int mostLed = staying.stream()
                    .mapToInt(node -> leads.getOrDefault(node, 0))
                    .max()
                    .orElse(0);
            int leastLed = staying.stream()
                    .mapToInt(node -> leads.getOrDefault(node, 0))
                    .min()
                    .orElse(0);
            if (partitions.size() >= staying.size()) {
                assertThat(mostLed - leastLed)
                        .as("seed %d: leaders: %s", seed, leads)
                        .isLessThanOrEqualTo(1);
            }
        }
    }

    private static List<PlannedPartition> placed(List<PlannedNode> nodes, int count, int replicas) {
        List<NodeRow> rows = nodes.stream()
                .map(node -> NodeRow.newBuilder()
                        .setNodeId(node.id())
                        .setRack(node.rack())
                        .build())
                .toList();
        List<PlannedPartition> partitions = new ArrayList<>();
        for (PartitionAssignment assignment : Placement.place(rows, List.of(), count, replicas)) {
            partitions.add(new PlannedPartition(
                    1, partitions.size(), assignment.getReplicaNodesList(), replicas, false, Set.of()));
        }
        return partitions;
    }

    private static List<PlannedPartition> after(List<PlannedPartition> before, List<PlannedChange> changes) {
        List<PlannedPartition> after = new ArrayList<>(before);
        changes.forEach(change ->
                after.set(change.partition(), before.get(change.partition()).on(change.to())));
        return after;
    }

    private static Map<Integer, Integer> loads(List<PlannedPartition> partitions) {
        Map<Integer, Integer> loads = new HashMap<>();
        partitions.forEach(partition -> partition.nodes().forEach(node -> loads.merge(node, 1, Integer::sum)));
        return loads;
    }

    private static Map<Integer, Integer> leads(List<PlannedPartition> partitions) {
        Map<Integer, Integer> leads = new HashMap<>();
        partitions.forEach(partition -> leads.merge(partition.nodes().get(0), 1, Integer::sum));
        return leads;
    }

    private static List<PlannedNode> nodes(int count) {
        List<PlannedNode> nodes = new ArrayList<>();
        for (int id = 1; id <= count; id++) {
            nodes.add(node(id, ""));
        }
        return nodes;
    }

    private static PlannedNode node(int id, String rack) {
        return new PlannedNode(id, rack, true, true, "");
    }

    private static PlannedNode leaving(int id) {
        return new PlannedNode(id, "", false, true, "node " + id + " is drained");
    }
}
