package io.holdfast.node.cluster;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.partition.PartitionHost;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.internal.v1.LastEntry;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.ReplicaRow;
import io.holdfast.internal.v1.RestRow;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.v1.ErrorReason;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The partition replicas of this node: added when the metadata says so, opened, put to rest, deleted. What was done is
 * remembered, so that a restart goes on from there. Opening and closing block; each replica is opened or closed by one
 * thread at a time, which holds its monitor.
 */
public final class LocalReplicas {
    private static final Logger LOG = LoggerFactory.getLogger(LocalReplicas.class);
    private static final long RETRY_OPEN_NANOS = 5_000_000_000L;
    private static final double PEERS_SHARE = 1.5;
    private static final Duration RETRY_AFTER = Duration.ofSeconds(1);

    private final RaftHost raft;
    private final PartitionHost partitions;
    private final NodeIdentity identity;
    private final ClusterState state;
    private final PartitionReplica.Waker waker;
    private final int openMax;
    private final Map<GroupId, Long> failedOpens = new ConcurrentHashMap<>();

    /**
     * @param waker sees to replicas at rest; may be asked as soon as a replica is added
     * @param openMax replicas that may be open at a time; each costs memory, threads and processor time
     */
    public LocalReplicas(
            RaftHost raft,
            PartitionHost partitions,
            NodeIdentity identity,
            ClusterState state,
            int openMax,
            PartitionReplica.Waker waker) {
        this.raft = raft;
        this.partitions = partitions;
        this.identity = identity;
        this.state = state;
        this.openMax = openMax;
        this.waker = waker;
    }

    /** How full this node is of open replicas: at 1 none that is at rest may be opened from here. */
    double openLoad() {
        return (double) state.openReplicas().size() / openMax;
    }

    /**
     * Adds the replicas that this node had before, and opens those that were not at rest. Before Raft's port is open.
     */
    public void restore() throws IOException {
        for (Map.Entry<GroupId, ReplicaRow> known : identity.replicas().entrySet()) {
            GroupId group = known.getKey();
            ReplicaRow row = known.getValue();
            if (!group.isPartition() || !row.getOpened()) {
                continue;
            }
            Rest rest = row.hasRest() ? rest(row.getRest()) : Rest.unborn(peers(row.getPeersList()));
            PartitionReplica replica = partitions.atRest(group, rest, waker);
            state.addReplica(group, replica);
            if (!row.hasRest()) {
                try {
                    open(replica);
                } catch (IOException e) {
                    LOG.error("the replica of {} cannot be opened: {}", group, e.getMessage());
                }
            }
        }
    }

    /** Adds a replica that the metadata has put here; it is opened when it is first needed. */
    void add(MetadataImage image, TopicRow topic, int partition) throws IOException {
        GroupId group = MetadataImage.group(topic, partition);
        Rest unborn = Rest.unborn(image.openingPeers(topic, partition, raft.self()));
        state.addReplica(group, partitions.atRest(group, unborn, waker));
    }

    /**
     * Opens a replica, if it is not open.
     *
     * @throws Refusal if too many are open. This node's own wishes are refused earlier than those of its peers, so that
     *     groups in use keep all their members
     */
    void open(PartitionReplica replica, boolean forPeer) throws IOException {
        if (!replica.isOpen() && openLoad() >= (forPeer ? PEERS_SHARE : 1)) {
            throw Refusal.later(
                    ErrorReason.ERROR_REASON_OVERLOADED,
                    "use fewer partitions at a time, or give the nodes more memory: "
                            + state.openReplicas().size()
                            + " partitions are in use on node " + state.nodeId(),
                    RETRY_AFTER);
        }
        open(replica);
    }

    private void open(PartitionReplica replica) throws IOException {
        GroupId group = replica.group().group();
        synchronized (replica) {
            if (replica.isOpen() || state.replica(group) != replica) {
                return;
            }
            Long failed = failedOpens.get(group);
            if (failed != null && System.nanoTime() - failed < RETRY_OPEN_NANOS) {
                throw new IOException(replica.damage());
            }
            try {
                ReplicaRow row = rowToOpenWith(group);
                partitions.open(replica, peers(row.getPeersList()));
                state.opened(replica);
                if (!row.getOpened()) {
                    identity.storeReplica(group, row.toBuilder().setOpened(true).build());
                }
                if (failedOpens.remove(group) != null) {
                    state.damaged().remove(group);
                }
            } catch (IOException | RuntimeException e) {
                failedOpens.put(group, System.nanoTime());
                String reason = e.getMessage() == null ? e.toString() : e.getMessage();
                state.damaged().put(group, reason);
                LOG.error("the replica of {} cannot be opened: {}", group, reason);
                throw new IOException(reason, e);
            }
        }
    }

    /** Whom to open with; remembered, so that a restart in between opens with the same. No longer at rest. */
    private ReplicaRow rowToOpenWith(GroupId group) throws IOException {
        ReplicaRow row = identity.replica(group);
        if (row == null) {
            row = replicaRow(openingPeers(group));
            identity.storeReplica(group, row);
        } else if (row.getOpened() && !raft.exists(group)) {
            throw new IOException(
                    "its Raft log is gone, and with it this replica's votes: stop the node, empty its data"
                            + " directory and start it again; it will copy everything from the other replicas");
        } else if (row.hasRest()) {
            row = row.toBuilder().clearRest().build();
            identity.storeReplica(group, row);
        }
        return row;
    }

    private List<Peer> openingPeers(GroupId group) throws IOException {
        MetadataImage image = state.image();
        TopicRow topic = image.topic(group.topicId());
        if (topic == null) {
            throw new IOException("its topic is not known here");
        }
        return image.openingPeers(topic, group.partition(), raft.self());
    }

    /** Closes a replica of which everything is applied; it is at rest then. */
    void rest(PartitionReplica replica) throws IOException {
        GroupId group = replica.group().group();
        synchronized (replica) {
            Rest rest = partitions.rest(replica);
            state.closed(replica);
            ReplicaRow row = identity.replica(group);
            if (row != null) {
                identity.storeReplica(
                        group, row.toBuilder().setRest(restRow(rest)).build());
            }
        }
    }

    /**
     * Deletes a replica that the metadata do not have here any more. It is closed first and then looked for once more:
     * a closed replica can have taken nothing in from a leader who knew of a later change that brings it back.
     *
     * @param isUnwanted whether the metadata, as they are when this is called, have no place for it; blocks
     */
    void retire(PartitionReplica replica, BooleanSupplier isUnwanted) {
        synchronized (replica) {
            if (state.replica(replica.group().group()) != replica) {
                return;
            }
            boolean wasOpen = replica.isOpen();
            try {
                if (wasOpen) {
                    partitions.close(replica);
                    state.closed(replica);
                }
                if (isUnwanted.getAsBoolean()) {
                    delete(replica);
                    return;
                }
            } catch (IOException | RuntimeException e) {
                LOG.info("{} is not retired yet: {}", replica.group().group(), e.getMessage());
            }
            if (wasOpen && !replica.isOpen()) {
                reopen(replica); // at rest it would say that it has applied all that it has
            }
        }
    }

    /** Opens a replica again that Ratis has closed, but that has a place here: it may be wanted once more. */
    void revive(PartitionReplica replica) {
        synchronized (replica) {
            if (state.replica(replica.group().group()) != replica || !replica.hasStopped()) {
                return;
            }
            try {
                partitions.close(replica);
                state.closed(replica);
                LOG.info(
                        "{} is opened again: its group had done without it",
                        replica.group().group());
            } catch (IOException | RuntimeException e) {
                LOG.warn("{} cannot be closed: {}", replica.group().group(), e.getMessage());
                return;
            }
            reopen(replica);
        }
    }

    private void reopen(PartitionReplica replica) {
        try {
            open(replica);
        } catch (IOException e) {
            LOG.warn("{} cannot be opened again: {}", replica.group().group(), e.getMessage());
        }
    }

    void delete(PartitionReplica replica) {
        GroupId group = replica.group().group();
        synchronized (replica) {
            try {
                boolean damaged = state.damaged().containsKey(group);
                state.removeReplica(group);
                failedOpens.remove(group);
                partitions.delete(replica, damaged);
                identity.deleteReplica(group);
                LOG.info("deleted the replica of {}{}", group, damaged ? ", and kept its damaged files" : "");
            } catch (IOException e) {
                LOG.warn("could not delete all of {}: {}", group, e.getMessage());
            }
        }
    }

    // ---- rows

    static ReplicaRow replicaRow(List<Peer> peers) {
        return ReplicaRow.newBuilder().addAllPeers(rows(peers)).build();
    }

    private static List<NodeRow> rows(List<Peer> peers) {
        return peers.stream().map(MetadataImage::row).toList();
    }

    private static List<Peer> peers(List<NodeRow> rows) {
        return rows.stream().map(MetadataImage::peer).toList();
    }

    private static RestRow restRow(Rest rest) {
        return RestRow.newBuilder()
                .setTerm(rest.term())
                .setLastEntry(lastEntry(rest.end()))
                .addAllMembers(rows(rest.members()))
                .build();
    }

    private static Rest rest(RestRow row) {
        return new Rest(row.getTerm(), logEnd(row.getLastEntry()), peers(row.getMembersList()));
    }

    static LastEntry lastEntry(LogEnd end) {
        return LastEntry.newBuilder().setTerm(end.term()).setIndex(end.index()).build();
    }

    public static LogEnd logEnd(LastEntry entry) {
        return new LogEnd(entry.getTerm(), entry.getIndex());
    }
}
