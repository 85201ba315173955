package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.internal.v1.ReplicaRow;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;
import java.util.function.Consumer;

/** Opens the metadata group's replica: as a founder, as a member since before, or as one who waits to be made one. */
public final class MetadataOpening {
    private final RaftHost raft;
    private final NodeIdentity identity;
    private final ClusterFormation.Outcome formation;

    public MetadataOpening(RaftHost raft, NodeIdentity identity, ClusterFormation.Outcome formation) {
        this.raft = raft;
        this.identity = identity;
        this.formation = formation;
    }

    public MetadataReplica open(
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer,
            Executor requests,
            Consumer<MetadataImage> onChange)
            throws IOException {
        ReplicaRow row = identity.replica(GroupId.METADATA);
        if (row == null) {
            List<Peer> peers = new ArrayList<>(
                    formation.peers().stream().map(MetadataImage::peer).toList());
            if (!formation.founder()) {
                peers.removeIf(peer -> peer.nodeId() == raft.self().nodeId());
            }
            row = LocalReplicas.replicaRow(peers);
            identity.storeReplica(GroupId.METADATA, row);
        } else if (row.getOpened() && !raft.exists(GroupId.METADATA)) {
            throw new IOException("the metadata group's Raft log is gone, and with it this node's votes: empty the data"
                    + " directory and start again; the node will join under a new incarnation");
        }
        List<Peer> members =
                row.getPeersList().stream().map(MetadataImage::peer).toList();
        MetadataReplica replica =
                MetadataReplica.open(raft, members, tables, source, listener, installer, requests, onChange);
        if (!row.getOpened()) {
            identity.storeReplica(
                    GroupId.METADATA, row.toBuilder().setOpened(true).build());
        }
        return replica;
    }
}
