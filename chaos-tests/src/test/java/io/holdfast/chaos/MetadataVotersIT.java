package io.holdfast.chaos;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.NodeStatus;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Four nodes, of which three vote on the metadata. A voter is drained, so that the fourth takes its place, and in the middle
 * of that the metadata leader is killed: soon another one leads, and all nodes know what it decides, also the one that does
 * not vote.
 */
class MetadataVotersIT {
    private static final int ROUNDS = Integer.getInteger("holdfast.rounds", 3);
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());
    private static final Duration PATIENCE = Duration.ofSeconds(40);
    private static final int NODES = 4;
    private static final int VOTERS = 3;
    private static final int CHANGE_TAKES_MS = 800;

    private final Random random = new Random(SEED);

    @Test
    @Timeout(400)
    void shouldFindALeaderThoughTheLastOneDiedWhileTheVotersChanged() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        try (TestCluster cluster = TestCluster.start(VOTERS, List.of());
                HoldfastClient client = cluster.connect()) {
            cluster.add();
            for (int round = 1; round <= ROUNDS; round++) {
                awaitOrder(client);
                int leader = cluster.metadataLeader(client);
                int drained = voter(client);
                int meanwhileMs = random.nextInt(CHANGE_TAKES_MS);
                System.out.println("round " + round + ": drain " + drained + ", after " + meanwhileMs
                        + " ms kill the leader, " + leader);
                client.admin().setNodeState(drained, NodeState.NODE_STATE_DRAINING);
                Thread.sleep(meanwhileMs);
                cluster.node(leader).kill();
                awaitTopic(cluster, client, round, leader);
                client.admin().setNodeState(drained, NodeState.NODE_STATE_ACTIVE);
                cluster.restart(leader);
            }
            awaitOrder(client);
            TestCluster.await("all nodes to know all topics", PATIENCE, () -> knowAll(cluster, client, ROUNDS, 0));
            cluster.passed();
        }
    }

    /** Made by whoever leads now, and known to all that are there. */
    private static void awaitTopic(TestCluster cluster, HoldfastClient client, int round, int dead) {
        String topic = "round-" + round;
        TestCluster.await("topic " + topic + " on all nodes but " + dead, PATIENCE, () -> {
            try {
                if (client.admin().listTopics("").stream()
                        .noneMatch(known -> known.getName().equals(topic))) {
                    client.admin().createTopic(topic, 1, 1);
                }
            } catch (HoldfastException e) {
                return false;
            }
            return knowAll(cluster, client, round, dead);
        });
    }

    private static boolean knowAll(TestCluster cluster, HoldfastClient client, int topics, int dead) {
        try {
            for (int node = 1; node <= NODES; node++) {
                String address = cluster.node(node).address();
                if (node != dead && client.admin().describeCluster(address).getTopics() != topics) {
                    return false;
                }
            }
            return true;
        } catch (HoldfastException e) {
            return false;
        }
    }

    private static void awaitOrder(HoldfastClient client) {
        TestCluster.await("all nodes, three of them voters", PATIENCE, () -> {
            DescribeClusterResponse cluster = client.admin().describeCluster();
            return cluster.getNodesCount() == NODES
                    && cluster.getNodesList().stream().allMatch(NodeStatus::getReachable)
                    && cluster.getNodesList().stream()
                                    .filter(NodeStatus::getVotesOnMetadata)
                                    .count()
                            == VOTERS;
        });
    }

    private int voter(HoldfastClient client) {
        List<NodeStatus> voters = client.admin().describeCluster().getNodesList().stream()
                .filter(NodeStatus::getVotesOnMetadata)
                .toList();
        return voters.get(random.nextInt(voters.size())).getNode().getNodeId();
    }
}
