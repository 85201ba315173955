package io.holdfast.node.placement;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.IntSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class PlacementTest {
    @Test
    void shouldSpreadReplicasAndLeadersEvenlyAndNeverTwiceOnANode() {
        Random random = new Random(5);
        for (int round = 0; round < 200; round++) {
            int replicas = 1 + 2 * random.nextInt(3);
            int nodeCount = replicas + random.nextInt(8);
            List<NodeRow> nodes = nodes(nodeCount, 1);
            int partitions = 1 + random.nextInt(60);

            List<PartitionAssignment> placed = Placement.place(nodes, List.of(), partitions, replicas);

            Map<Integer, Integer> load = new HashMap<>();
            Map<Integer, Integer> leads = new HashMap<>();
            for (PartitionAssignment assignment : placed) {
                assertThat(assignment.getReplicaNodesList()).hasSize(replicas).doesNotHaveDuplicates();
                assignment.getReplicaNodesList().forEach(n -> load.merge(n, 1, Integer::sum));
                leads.merge(assignment.getReplicaNodes(0), 1, Integer::sum);
            }
            assertThat(spread(nodes, load)).as("replicas").isLessThanOrEqualTo(1);
            assertThat(spread(nodes, leads)).as("leaders").isLessThanOrEqualTo(1);
            assertThat(Placement.place(nodes, List.of(), partitions, replicas)).isEqualTo(placed);
        }
    }

    private static int spread(List<NodeRow> nodes, Map<Integer, Integer> counts) {
        IntSummaryStatistics statistics = nodes.stream()
                .mapToInt(n -> counts.getOrDefault(n.getNodeId(), 0))
                .summaryStatistics();
        return statistics.getMax() - statistics.getMin();
    }

    @Test
    void shouldGoOnEvenlyFromWhatIsThere() {
        List<NodeRow> nodes = nodes(3, 1);
        List<PartitionAssignment> all = new ArrayList<>();
        for (int topic = 0; topic < 30; topic++) {
            all.addAll(Placement.place(nodes, all, 1, 3)); // many topics of one partition: not all led by one node
        }
        Map<Integer, Integer> leads = new HashMap<>();
        all.forEach(assignment -> leads.merge(assignment.getReplicaNodes(0), 1, Integer::sum));
        assertThat(spread(nodes, leads)).isLessThanOrEqualTo(1);
    }

    @Test
    void shouldUseDifferentRacksWhereThereAreEnough() {
        List<NodeRow> nodes = nodes(9, 3);
        for (PartitionAssignment assignment : Placement.place(nodes, List.of(), 30, 3)) {
            HashSet<String> racks = new HashSet<>();
            assignment
                    .getReplicaNodesList()
                    .forEach(n -> racks.add(nodes.get(n - 1).getRack()));
            assertThat(racks).hasSize(3);
        }
    }

    @Test
    void shouldSayHowManyNodesThereAre() {
        assertThatThrownBy(() -> Placement.place(nodes(2, 1), List.of(), 1, 3)).hasMessageContaining("at most 2");
    }

    private static List<NodeRow> nodes(int count, int racks) {
        List<NodeRow> nodes = new ArrayList<>();
        for (int id = 1; id <= count; id++) {
            nodes.add(NodeRow.newBuilder()
                    .setNodeId(id)
                    .setRack(racks == 1 ? "" : "rack-" + id % racks)
                    .build());
        }
        return nodes;
    }
}
