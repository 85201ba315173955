package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.partition.PartitionHost;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.ReplicaRow;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.config.NodeConfig;
import java.io.Closeable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Makes the node's Raft groups agree with the metadata. Level-triggered: each pass compares what should be with what
 * is and takes the next step, so that it may be interrupted anywhere and asked again.
 *
 * <p>Besides opening and deleting replicas it keeps the members of the groups that this node leads at what the metadata
 * says: that is how a node that lost its data, and came back as a new incarnation, takes its own old place.
 */
public final class ReplicaReconciler implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(ReplicaReconciler.class);
    private static final long TICK_MS = 500;
    private static final long RETRY_OPEN_MS = 5_000;
    private static final long CHECKPOINT_BYTES = 256L << 20;

    private final RaftHost raft;
    private final PartitionHost partitions;
    private final MetadataReplica metadata;
    private final NodeIdentity identity;
    private final ClusterState state;
    private final NodeConfig config;
    private final ScheduledExecutorService thread;
    private final AtomicBoolean queued = new AtomicBoolean();
    private final Set<GroupId> changingMembers = java.util.concurrent.ConcurrentHashMap.newKeySet();
    private final Map<GroupId, Long> failedOpens = new HashMap<>();
    private final Map<GroupId, Long> housekeptAt = new HashMap<>();
    private final Map<GroupId, Long> checkpointedBytes = new HashMap<>();
    private final LeaderSpread leaders;
    private final IdleGroups idleGroups = new IdleGroups();
    private volatile @Nullable ScheduledFuture<?> ticks;
    private final Runnable watcher = this::trigger;

    /** @param thread a single thread, on which all passes run */
    public ReplicaReconciler(
            RaftHost raft,
            PartitionHost partitions,
            MetadataReplica metadata,
            NodeIdentity identity,
            ClusterState state,
            NodeConfig config,
            ScheduledExecutorService thread) {
        this.raft = raft;
        this.partitions = partitions;
        this.metadata = metadata;
        this.identity = identity;
        this.state = state;
        this.config = config;
        this.thread = thread;
        this.leaders = new LeaderSpread(state.nodeId());
    }

    /**
     * Opens the replicas that this node had before. Before Raft's port is open: a group must not be spoken to while it
     * starts.
     */
    public void reopen() throws IOException {
        for (Map.Entry<GroupId, ReplicaRow> known : identity.replicas().entrySet()) {
            GroupId group = known.getKey();
            if (group.isPartition() && known.getValue().getOpened() && raft.exists(group)) {
                open(
                        group,
                        group.toString(),
                        () -> known.getValue().getPeersList().stream()
                                .map(MetadataImage::peer)
                                .toList());
            }
        }
    }

    /** Begins to reconcile. */
    public void start() {
        state.watch(watcher);
        ticks = thread.scheduleWithFixedDelay(this::tick, 0, TICK_MS, TimeUnit.MILLISECONDS);
    }

    private void trigger() {
        if (queued.compareAndSet(false, true)) {
            try {
                thread.execute(() -> {
                    queued.set(false);
                    guarded(this::pass);
                });
            } catch (java.util.concurrent.RejectedExecutionException e) {
                LOG.debug("stopping, no further pass");
            }
        }
    }

    private void tick() {
        guarded(this::pass);
        guarded(this::upkeep);
    }

    private static void guarded(Runnable step) {
        try {
            step.run();
        } catch (RuntimeException e) {
            LOG.error("reconciliation failed, it will be tried again", e);
        }
    }

    private void pass() {
        MetadataImage image = state.image();
        Set<GroupId> wanted = new HashSet<>();
        for (TopicRow topic : image.topics().values()) {
            for (int p = 0; p < topic.getAssignmentsCount(); p++) {
                if (topic.getAssignments(p).getReplicaNodesList().contains(state.nodeId())) {
                    GroupId group = MetadataImage.group(topic, p);
                    wanted.add(group);
                    if (state.replica(group) == null && mayTryToOpen(group)) {
                        int partition = p;
                        open(group, topic.getName() + "/" + p, () -> openingPeers(image, topic, partition, group));
                    }
                }
            }
        }
        for (GroupId group : List.copyOf(state.replicas().keySet())) {
            // An image that is older than the topic knows nothing of it: that is no reason to delete.
            if (!wanted.contains(group)
                    && group.topicId() < image.nextTopicId()
                    && image.topic(group.topicId()) == null) {
                delete(group);
            }
        }
    }

    private boolean mayTryToOpen(GroupId group) {
        Long failed = failedOpens.get(group);
        return failed == null || System.currentTimeMillis() - failed > RETRY_OPEN_MS;
    }

    private interface Peers {
        List<Peer> get() throws IOException;
    }

    private void open(GroupId group, String name, Peers peers) {
        try {
            PartitionReplica replica = partitions.open(group, peers.get());
            ReplicaRow row = identity.replica(group);
            if (row != null && !row.getOpened()) {
                identity.storeReplica(group, row.toBuilder().setOpened(true).build());
            }
            failedOpens.remove(group);
            state.addReplica(group, replica);
        } catch (IOException | RuntimeException e) {
            failedOpens.put(group, System.currentTimeMillis());
            String reason = e.getMessage() == null ? e.toString() : e.getMessage();
            state.setDamaged(group, reason);
            LOG.error("the replica of {} cannot be opened: {}", name, reason);
        }
    }

    /** Whom to open with; remembered, so that a restart in between opens with the same. */
    private List<Peer> openingPeers(MetadataImage image, TopicRow topic, int partition, GroupId group)
            throws IOException {
        ReplicaRow row = identity.replica(group);
        if (row == null) {
            List<Peer> peers = image.founders(topic, partition);
            if (peers.stream().noneMatch(peer -> peer.name().equals(raft.self().name()))) {
                peers = new ArrayList<>(image.peers(topic, partition));
                peers.removeIf(peer -> peer.nodeId() == state.nodeId());
            }
            identity.storeReplica(group, replicaRow(peers));
            return peers;
        }
        if (row.getOpened() && !raft.exists(group)) {
            throw new IOException(
                    "its Raft log is gone, and with it this replica's votes: stop the node, empty its data"
                            + " directory and start it again; it will copy everything from the other replicas");
        }
        return row.getPeersList().stream().map(MetadataImage::peer).toList();
    }

    static ReplicaRow replicaRow(List<Peer> peers) {
        ReplicaRow.Builder row = ReplicaRow.newBuilder();
        for (Peer peer : peers) {
            row.addPeers(NodeRow.newBuilder()
                    .setNodeId(peer.nodeId())
                    .setIncarnation(peer.incarnation())
                    .setRaftAddress(peer.address()));
        }
        return row.build();
    }

    private void delete(GroupId group) {
        try {
            state.removeReplica(group);
            housekeptAt.remove(group);
            checkpointedBytes.remove(group);
            partitions.delete(group);
            identity.deleteReplica(group);
            LOG.info("deleted the replica of {}", group);
        } catch (IOException e) {
            LOG.warn("could not delete all of {}: {}", group, e.getMessage());
        }
    }

    // ---- upkeep of what is open

    private void upkeep() {
        MetadataImage image = state.image();
        Runnable nudgeMetadata = () -> metadata.nudge(identity.self());
        keepMembers(metadata.group(), desiredMetadataMembers(image), nudgeMetadata);
        idleGroups.watch(metadata.group(), nudgeMetadata);
        state.replicas().forEach((group, replica) -> {
            TopicRow topic = image.topic(group.topicId());
            if (topic != null && group.partition() < topic.getAssignmentsCount()) {
                keepMembers(replica.group(), image.peers(topic, group.partition()), replica::nudge);
            }
            idleGroups.watch(replica.group(), replica::nudge);
            housekeepIfDue(group, replica);
        });
        leaders.spread(image, state.replicas());
    }

    /** The same nodes as now, each in its present incarnation. */
    private List<Peer> desiredMetadataMembers(MetadataImage image) {
        List<Peer> desired = new ArrayList<>();
        for (Peer member : metadata.group().members()) {
            NodeRow node = image.nodes().get(member.nodeId());
            desired.add(node == null ? member : MetadataImage.peer(node));
        }
        return desired;
    }

    private void keepMembers(RaftGroupHandle group, List<Peer> desired, Runnable nudge) {
        if (!group.isReadyLeader() || desired.isEmpty()) {
            return;
        }
        if (changingMembers.contains(group.group())) {
            nudge.run();
            return;
        }
        Set<String> now = new HashSet<>();
        group.members().forEach(member -> now.add(member.name()));
        Set<String> wanted = new HashSet<>();
        desired.forEach(member -> wanted.add(member.name()));
        if (now.equals(wanted)) {
            return;
        }
        LOG.info("{}: changing members from {} to {}", group.group(), now, wanted);
        changingMembers.add(group.group());
        group.setMembers(desired).whenComplete((ok, failure) -> {
            changingMembers.remove(group.group());
            if (failure != null) {
                LOG.info("{}: members not changed yet: {}", group.group(), failure.getMessage());
            }
        });
    }

    private void housekeepIfDue(GroupId group, PartitionReplica replica) {
        long now = System.currentTimeMillis();
        long written = replica.bytesWritten();
        Long last = housekeptAt.putIfAbsent(group, now);
        // By bytes too: restart reads again what came after the checkpoint.
        boolean much = written - checkpointedBytes.getOrDefault(group, 0L) > CHECKPOINT_BYTES;
        if (much || (last != null && now - last > config.checkpointInterval().toMillis())) {
            housekeptAt.put(group, now);
            checkpointedBytes.put(group, written);
            replica.group().checkpoint();
            replica.evictProducers(
                    config.producers().idleExpiry().toMillis(),
                    config.producers().namedIdleExpiry().toMillis(),
                    config.producers().perPartitionMax());
        }
    }

    @Override
    public void close() {
        state.unwatch(watcher);
        ScheduledFuture<?> running = ticks;
        if (running != null) {
            running.cancel(false);
        }
    }
}
