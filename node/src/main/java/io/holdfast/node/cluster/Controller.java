package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.ChangeReplicasCommand;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.RemoveNodeCommand;
import io.holdfast.internal.v1.ReplicaChange;
import io.holdfast.node.placement.PlannedChange;
import io.holdfast.node.placement.Planner;
import io.holdfast.v1.NodeState;
import java.io.IOException;
import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Looks after the cluster: who votes on the metadata, which node has which replica, who is to go. It works on the node
 * that leads the metadata group, and sleeps on all others. What it decides becomes a metadata command, so that another
 * one can go on from there at any time; what it knows besides, since when nodes do not answer, it finds out anew.
 */
public final class Controller {
    private static final Logger LOG = LoggerFactory.getLogger(Controller.class);
    private static final long PLAN_NANOS = 1_000_000_000L;
    /** Partitions that move at a time, per node that can take them. */
    private static final int MOVING_PER_NODE = 4;

    /** What passes by itself, such as a file that could not be opened for a moment, has passed by then. */
    private static final long DAMAGED_NANOS = 5_000_000_000L;

    private static final Duration PATIENCE = Duration.ofSeconds(10);

    private final MetadataReplica metadata;
    private final MetadataClient client;
    private final MemberChanges members;
    private final ClusterState state;
    private final NodeRow self;
    private final Duration giveUpAfter;
    private final LongSupplier nanoClock;
    private final Map<Integer, Long> downSince = new HashMap<>();
    private final Map<GroupId, Long> damagedSince = new HashMap<>();
    private long plannedAt;
    /** In which there was nothing to change. */
    private @Nullable Situation settled;

    private volatile boolean underWay;

    /**
     * @param giveUpAfter how long a node may not answer before its replicas are made anew on others
     * @param nanoClock as {@link System#nanoTime}
     */
    Controller(
            MetadataReplica metadata,
            MetadataClient client,
            MemberChanges members,
            ClusterState state,
            NodeRow self,
            Duration giveUpAfter,
            LongSupplier nanoClock) {
        this.metadata = metadata;
        this.client = client;
        this.members = members;
        this.state = state;
        this.self = self;
        this.giveUpAfter = giveUpAfter;
        this.nanoClock = nanoClock;
        this.plannedAt = nanoClock.getAsLong();
    }

    /** Takes the next steps, if this node leads the metadata group. One thread. */
    void tick(MetadataImage image) {
        try {
            metadata.reopenIfStopped();
        } catch (IOException e) {
            LOG.warn("the metadata group's replica cannot be opened again: {}", e.getMessage());
        }
        if (!metadata.group().isReadyLeader()) {
            downSince.clear();
            damagedSince.clear();
            return;
        }
        watchNodes(image);
        List<Peer> voters = MetadataVoters.desired(
                metadata.group().members(),
                image,
                state::isDown,
                id -> !gaveUp(id).isEmpty());
        members.keepMetadata(metadata.group(), voters, () -> metadata.nudge(self));
        if (!underWay && nanoClock.getAsLong() - plannedAt > PLAN_NANOS) {
            plannedAt = nanoClock.getAsLong();
            if (!change(image)) {
                remove(image);
            }
        }
    }

    private void watchNodes(MetadataImage image) {
        downSince.keySet().retainAll(image.nodes().keySet());
        for (int node : image.nodes().keySet()) {
            if (state.isDown(node)) {
                downSince.putIfAbsent(node, nanoClock.getAsLong());
            } else {
                downSince.remove(node);
            }
        }
    }

    /** Why a node has been given up, or empty. */
    private String gaveUp(int node) {
        Long since = downSince.get(node);
        return since != null && nanoClock.getAsLong() - since > giveUpAfter.toNanos()
                ? "node " + node + " has not answered for " + giveUpAfter.toSeconds() + " s"
                : "";
    }

    /** Nodes that have said for some seconds that their replica is damaged; or that did, as long as they say it. */
    private Set<Integer> damagedForLong(GroupId group) {
        Set<Integer> nodes = state.damagedOn(group);
        if (nodes.isEmpty()) {
            damagedSince.remove(group);
            return nodes;
        }
        long since = damagedSince.computeIfAbsent(group, g -> nanoClock.getAsLong());
        return nanoClock.getAsLong() - since > DAMAGED_NANOS ? nodes : Set.of();
    }

    /** What a plan depends on, as long as nothing is damaged. */
    private record Situation(long version, Set<Integer> down, Set<Integer> givenUp) {}

    private Situation situation(MetadataImage image) {
        Set<Integer> givenUp = new HashSet<>(downSince.keySet());
        givenUp.removeIf(node -> gaveUp(node).isEmpty());
        return new Situation(image.version(), Set.copyOf(downSince.keySet()), givenUp);
    }

    private boolean change(MetadataImage image) {
        // With thousands of partitions a plan takes a while, and mostly there is nothing to do.
        @Nullable Situation now = state.isAnyDamaged() ? null : situation(image);
        if (now != null && now.equals(settled)) {
            damagedSince.clear();
            return false;
        }
        settled = null;
        int takers = (int) image.nodes().keySet().stream()
                .filter(node -> !downSince.containsKey(node))
                .count();
        List<PlannedChange> changes = Planner.next(
                ClusterPlans.nodes(image, downSince::containsKey, this::gaveUp),
                ClusterPlans.partitions(image, this::damagedForLong),
                takers * MOVING_PER_NODE);
        if (changes.isEmpty()) {
            settled = now;
            return false;
        }
        ChangeReplicasCommand.Builder command = ChangeReplicasCommand.newBuilder();
        for (PlannedChange change : changes) {
            command.addChanges(ReplicaChange.newBuilder()
                    .setTopicId(change.topicId())
                    .setPartition(change.partition())
                    .addAllExpectedNodes(change.from())
                    .addAllReplicaNodes(change.to())
                    .setReason(change.reason()));
        }
        submit(MetadataCommand.newBuilder().setChangeReplicas(command).build());
        return true;
    }

    private void remove(MetadataImage image) {
        Set<Integer> voters = new HashSet<>();
        metadata.group().members().forEach(peer -> voters.add(peer.nodeId()));
        for (int node : image.nodes().keySet()) {
            if (image.clusterNodes().state(node) == NodeState.NODE_STATE_REMOVING
                    && !voters.contains(node)
                    && metadata.group().isSettled()
                    && !image.isUsed(node)) {
                submit(MetadataCommand.newBuilder()
                        .setRemoveNode(RemoveNodeCommand.newBuilder().setNodeId(node))
                        .build());
                return;
            }
        }
    }

    private void submit(MetadataCommand command) {
        underWay = true;
        client.submit(command, PATIENCE).whenComplete((reply, failure) -> {
            underWay = false;
            if (failure != null) {
                LOG.info("{} comes later: {}", command.getCommandCase(), failure.getMessage());
            }
        });
    }
}
