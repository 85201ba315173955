package io.holdfast.chaos.scenario;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Route;
import io.holdfast.v1.Start;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;

/** What the cluster says of itself, waited for: while it is hurt it may not say it at once. */
final class ClusterView {
    private static final Duration LEADER_PATIENCE = Duration.ofSeconds(30);
    private static final Duration ASK_PATIENCE = Duration.ofSeconds(90);
    private static final Duration MOVE_PATIENCE = Duration.ofSeconds(180);
    private static final long LOOK_MS = 50;

    private final Arena arena;
    private final HoldfastClient client;

    ClusterView(Arena arena, HoldfastClient client) {
        this.arena = arena;
        this.client = client;
    }

    /** Waits for something; refusals count as "not yet". */
    static void await(String what, Duration patience, BooleanSupplier condition) {
        long deadline = System.nanoTime() + patience.toNanos();
        String last = "";
        while (true) {
            try {
                if (condition.getAsBoolean()) {
                    return;
                }
            } catch (HoldfastException e) {
                last = ": " + e.getMessage();
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("waited " + patience.toSeconds() + " s in vain for " + what + last);
            }
            try {
                Thread.sleep(LOOK_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
        }
    }

    /** Leads the first partition of a topic, and is one of those asked for. */
    int leader(String topic, IntPredicate isWanted) {
        int[] leader = new int[1];
        await("a leader of " + topic, LEADER_PATIENCE, () -> {
            for (Route route : client.admin().getRoutes(List.of(topic)).getRoutesList()) {
                int candidate = route.getLeaderNode();
                if (route.getPartition().getPartition() == 0 && isWanted.test(candidate)) {
                    leader[0] = candidate;
                }
            }
            return leader[0] != 0;
        });
        return leader[0];
    }

    int metadataLeader(IntPredicate isWanted) {
        int[] leader = new int[1];
        await("a metadata leader", LEADER_PATIENCE, () -> {
            leader[0] = client.admin().describeCluster().getMetadataLeaderNode();
            return isWanted.test(leader[0]);
        });
        return leader[0];
    }

    void setState(int node, NodeState state) {
        await("node " + node + " to become " + state, ASK_PATIENCE, () -> {
            client.admin().setNodeState(node, state);
            return true;
        });
    }

    void awaitGone(int node) {
        await(
                "node " + node + " to be out of the cluster",
                MOVE_PATIENCE,
                () -> client.admin().describeCluster().getNodesList().stream()
                        .noneMatch(one -> one.getNode().getNodeId() == node));
    }

    /** Waits until each replica of a topic has all there is. */
    void awaitCaughtUp(String topic) {
        for (Route route : routes(topic)) {
            for (int node : route.getReplicaNodesList()) {
                int partition = route.getPartition().getPartition();
                await(
                        "node " + node + " to have all of " + topic + "/" + partition,
                        MOVE_PATIENCE,
                        () -> isCaughtUp(node, topic, partition));
            }
        }
    }

    private List<Route> routes(String topic) {
        List<Route> routes = new ArrayList<>();
        await("the routes of " + topic, LEADER_PATIENCE, () -> {
            routes.clear();
            routes.addAll(client.admin().getRoutes(List.of(topic)).getRoutesList());
            return !routes.isEmpty();
        });
        return routes;
    }

    private boolean isCaughtUp(int node, String topic, int partition) {
        long end = client.admin()
                .lookupOffset(
                        topic, partition, Start.newBuilder().setLatest(true).build());
        for (ReplicaStatus replica :
                client.admin().describeCluster(arena.address(node)).getReplicasList()) {
            if (replica.getPartition().getTopic().equals(topic)
                    && replica.getPartition().getPartition() == partition) {
                return replica.getHighWatermark() >= end && replica.getDamage().isEmpty();
            }
        }
        return false;
    }
}
