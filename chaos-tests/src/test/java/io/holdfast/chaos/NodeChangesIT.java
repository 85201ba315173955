package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Nodes come and go under load, while others are killed, paused and emptied: nothing acknowledged is lost, doubled or
 * out of order, and in the end everything is where the metadata say, evenly.
 */
class NodeChangesIT {
    private static final String TOPIC = "moves";
    private static final int PARTITIONS = 4;
    private static final int REPLICAS = 3;
    private static final int ROUNDS = Integer.getInteger("holdfast.rounds", 3);
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final int NODES_MAX = 7;

    private enum Change {
        DRAIN,
        DRAIN_AND_KILL,
        DRAIN_AND_FREEZE,
        REPLACE,
        WIPE,
        DIE
    }

    private final Random random = new Random(SEED);
    private final Set<Integer> nodes = new TreeSet<>(Set.of(1, 2, 3));

    @Test
    @Timeout(600)
    void shouldLoseNothingWhileNodesComeAndGo() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        List<String> yaml = new ArrayList<>(List.of("  node-dead-after: 6s")); // goes on in the section cluster
        yaml.addAll(TestCluster.SMALL_LOGS);
        try (TestCluster cluster = TestCluster.start(3, yaml);
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, PARTITIONS, REPLICAS);
            try (KeyedLoad load = new KeyedLoad(client, TOPIC, 12, 1000, 200)) {
                load.awaitProgress(500, PATIENCE);
                add(cluster);
                add(cluster);
                awaitBalance(cluster, client);
                assertThat(client.admin().describeCluster().getNodesList())
                        .as("five nodes, five votes")
                        .allMatch(NodeStatus::getVotesOnMetadata);
                List<Change> plan = new ArrayList<>(List.of(Change.values()));
                while (plan.size() < ROUNDS) {
                    plan.add(Change.values()[random.nextInt(Change.values().length)]);
                }
                Collections.shuffle(plan, random);
                for (Change change : plan.subList(0, ROUNDS)) {
                    System.out.println(change + " among " + nodes);
                    carryOut(change, cluster, client);
                    load.awaitProgress(200, PATIENCE);
                }
                awaitBalance(cluster, client);
                load.finish();
                assertThat(load.failures()).isEmpty();
                assertThat(LogChecker.check(cluster, client, load, TOPIC, PARTITIONS))
                        .isEmpty();
                assertThat(client.admin().listEvents(0, Duration.ZERO))
                        .as("the cluster says what it did")
                        .anyMatch(event -> event.getText().contains("node 4 joined"));
                System.out.println(load.acknowledgedCount() + " records acknowledged, longest silence "
                        + Math.round(load.takeLongestGapMs()) + " ms, nothing lost or doubled");
            }
            cluster.passed();
        }
    }

    private void add(TestCluster cluster) throws IOException {
        nodes.add(cluster.add().id());
    }

    private int anyNode() {
        return List.copyOf(nodes).get(random.nextInt(nodes.size()));
    }

    private int another(int than) {
        int node = anyNode();
        while (node == than) {
            node = anyNode();
        }
        return node;
    }

    private void carryOut(Change change, TestCluster cluster, HoldfastClient client) throws Exception {
        int node = anyNode();
        switch (change) {
            case DRAIN -> drain(client, node, () -> {});
            case DRAIN_AND_KILL -> {
                int victim = anyNode();
                drain(client, node, () -> {
                    cluster.node(victim).kill();
                    Thread.sleep(random.nextInt(1_000));
                    cluster.restart(victim);
                });
            }
            case DRAIN_AND_FREEZE -> {
                int victim = random.nextBoolean() ? cluster.metadataLeader(client) : another(node);
                drain(client, node, () -> {
                    cluster.freeze(victim);
                    Thread.sleep(2_500);
                    cluster.goOn(victim);
                });
            }
            case REPLACE -> {
                if (nodes.size() + 1 > NODES_MAX) {
                    return;
                }
                client.admin().setNodeState(node, NodeState.NODE_STATE_REMOVING);
                add(cluster);
                awaitGone(client, node);
                nodes.remove(node);
                TestCluster.await(
                        "the removed process to stop",
                        PATIENCE,
                        () -> !cluster.node(node).isRunning());
            }
            case WIPE -> {
                cluster.wipe(node);
                cluster.restart(node);
            }
            case DIE -> {
                cluster.node(node).kill();
                TestCluster.await(
                        "others to have what node " + node + " had",
                        PATIENCE,
                        () -> status(client, node).getReplicas() == 0);
                cluster.restart(node);
            }
        }
    }

    private interface Disturbance {
        void happen() throws Exception;
    }

    private void drain(HoldfastClient client, int node, Disturbance meanwhile) throws Exception {
        client.admin().setNodeState(node, NodeState.NODE_STATE_DRAINING);
        client.admin().setNodeState(node, NodeState.NODE_STATE_DRAINING);
        Thread.sleep(random.nextInt(700));
        meanwhile.happen();
        TestCluster.await("node " + node + " to have nothing", PATIENCE, () -> {
            NodeStatus status = status(client, node);
            return status.getReplicas() + status.getLeaving() == 0;
        });
        client.admin().setNodeState(node, NodeState.NODE_STATE_ACTIVE);
    }

    private static NodeStatus status(HoldfastClient client, int node) {
        return client.admin().describeCluster().getNodesList().stream()
                .filter(status -> status.getNode().getNodeId() == node)
                .findFirst()
                .orElse(NodeStatus.getDefaultInstance());
    }

    private static void awaitGone(HoldfastClient client, int node) {
        TestCluster.await(
                "node " + node + " to be out of the cluster",
                PATIENCE,
                () -> client.admin().describeCluster().getNodesList().stream()
                        .noneMatch(status -> status.getNode().getNodeId() == node));
    }

    /** All is where the metadata say, and nobody has two more than another, neither replicas nor leaders. */
    private void awaitBalance(TestCluster cluster, HoldfastClient client) {
        TestCluster.await("balance", PATIENCE, () -> {
            DescribeClusterResponse described = client.admin().describeCluster();
            int most = 0;
            int least = Integer.MAX_VALUE;
            int mostLed = 0;
            int leastLed = Integer.MAX_VALUE;
            for (NodeStatus status : described.getNodesList()) {
                if (!status.getReachable() || status.getArriving() + status.getLeaving() > 0) {
                    return false;
                }
                most = Math.max(most, status.getReplicas());
                least = Math.min(least, status.getReplicas());
                mostLed = Math.max(mostLed, status.getPreferredLeaders());
                leastLed = Math.min(leastLed, status.getPreferredLeaders());
                if (!isAsTheMetadataSay(
                        client, cluster.node(status.getNode().getNodeId()).address(), status)) {
                    return false;
                }
            }
            return described.getNodesCount() == nodes.size() && most - least <= 1 && mostLed - leastLed <= 1;
        });
    }

    private static boolean isAsTheMetadataSay(HoldfastClient client, String address, NodeStatus status) {
        try {
            List<ReplicaStatus> replicas =
                    client.admin().describeCluster(address).getReplicasList();
            return replicas.size() == status.getReplicas()
                    && replicas.stream()
                            .noneMatch(replica -> replica.getRole() == ReplicaRole.REPLICA_ROLE_JOINING
                                    || replica.getRole() == ReplicaRole.REPLICA_ROLE_DAMAGED);
        } catch (HoldfastException e) {
            return false;
        }
    }
}
