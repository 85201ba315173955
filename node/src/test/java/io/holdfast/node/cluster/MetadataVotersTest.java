package io.holdfast.node.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.metadata.ClusterNodes;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class MetadataVotersTest {
    @Test
    void foundersThatHaveNotRegisteredYetStay() {
        assertThat(desired(peers(1, 2, 3), image(1))).isEqualTo(peers(1, 2, 3));
    }

    @Test
    void aNewIncarnationTakesThePlaceOfTheOld() {
        Peer old = new Peer(2, "before", "h2");
        assertThat(desired(List.of(peer(1), old, peer(3)), image(3))).isEqualTo(peers(1, 2, 3));
    }

    @Test
    void votersGrowWithTheCluster() {
        assertThat(desired(peers(1), image(2))).isEqualTo(peers(1));
        assertThat(desired(peers(1), image(3))).isEqualTo(peers(1, 2, 3));
        assertThat(desired(peers(1, 2, 3), image(4))).isEqualTo(peers(1, 2, 3));
        assertThat(desired(peers(1, 2, 3), image(5))).isEqualTo(peers(1, 2, 3, 4, 5));
        assertThat(desired(peers(1, 2, 3), image(9))).isEqualTo(peers(1, 2, 3, 4, 5));
    }

    @Test
    void whoLeavesIsReplacedByWhoIsThere() {
        MetadataImage four = image(4);
        assertThat(desired(peers(1, 2, 3), four.withNodeState(2, NodeState.NODE_STATE_DRAINING)))
                .isEqualTo(peers(1, 3, 4));
        assertThat(desired(peers(1, 2, 3), four.withNodeState(2, NodeState.NODE_STATE_REMOVING)))
                .isEqualTo(peers(1, 3, 4));
        assertThat(desired(peers(1, 2, 3), image(3).withNodeState(2, NodeState.NODE_STATE_DRAINING)))
                .as("nobody can take its place")
                .isEqualTo(peers(1, 2, 3));
        assertThat(MetadataVoters.desired(peers(1, 2, 3), four, id -> id == 2, id -> id == 2))
                .as("dead for long")
                .isEqualTo(peers(1, 3, 4));
        assertThat(MetadataVoters.desired(peers(1, 2, 3), four, id -> id == 2 || id == 4, id -> id == 2))
                .as("by nobody who is down")
                .isEqualTo(peers(1, 2, 3));
    }

    private static List<Peer> desired(List<Peer> now, MetadataImage image) {
        return MetadataVoters.desired(now, image, id -> false, id -> false);
    }

    private static MetadataImage image(int nodes) {
        TreeMap<Integer, NodeRow> rows = new TreeMap<>();
        for (int id = 1; id <= nodes; id++) {
            rows.put(
                    id,
                    NodeRow.newBuilder()
                            .setNodeId(id)
                            .setIncarnation("i")
                            .setRaftAddress("h" + id)
                            .build());
        }
        MetadataImage none = MetadataImage.EMPTY;
        return new MetadataImage(
                nodes,
                new ClusterNodes(rows, new TreeMap<>(), List.of(), 1),
                none.allTopics(),
                none.namedProducers(),
                none.groups(),
                none.events(),
                1,
                1);
    }

    private static Peer peer(int id) {
        return new Peer(id, "i", "h" + id);
    }

    private static List<Peer> peers(int... ids) {
        List<Peer> peers = new ArrayList<>();
        for (int id : ids) {
            peers.add(peer(id));
        }
        return peers;
    }
}
