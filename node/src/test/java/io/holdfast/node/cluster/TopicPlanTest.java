package io.holdfast.node.cluster;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.ClusterNodes;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.internal.v1.NodeRow;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TopicPlanTest {
    @ParameterizedTest
    @CsvSource({"1, 1, 1", "3, 3, 3", "4, 3, 3", "5, 5, 3", "2, 2, 1"})
    void shouldChooseAnOddNumberOfReplicasUpToThree(int joined, int meant, int replicas) {
        assertThat(TopicPlan.plan(image(joined), meant, "t", 0, 0, 100).getReplicas())
                .isEqualTo(replicas);
    }

    @Test
    void shouldRefuseRatherThanKeepOneCopyWhenNodesAreStillToCome() {
        assertThatThrownBy(() -> TopicPlan.plan(image(1), 3, "t", 0, 0, 100))
                .isInstanceOf(Refusal.class)
                .hasMessageContaining("start more nodes");
        assertThat(TopicPlan.plan(image(1), 3, "t", 0, 1, 100).getReplicas())
                .as("one copy, for those who ask for it")
                .isEqualTo(1);
    }

    private static MetadataImage image(int nodes) {
        NavigableMap<Integer, NodeRow> rows = new TreeMap<>();
        for (int id = 1; id <= nodes; id++) {
            rows.put(
                    id,
                    NodeRow.newBuilder().setNodeId(id).setIncarnation("i" + id).build());
        }
        MetadataImage none = MetadataImage.EMPTY;
        ClusterNodes cluster = new ClusterNodes(rows, new TreeMap<>(), List.of(), 1);
        return new MetadataImage(
                nodes, cluster, none.allTopics(), none.namedProducers(), none.groups(), none.events(), 1, 1);
    }
}
