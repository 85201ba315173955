package io.holdfast.consensus.raft;

import java.util.Collection;
import java.util.HashSet;
import java.util.Set;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;

/**
 * A node as a Raft peer. Its name holds the incarnation of the node's data: a node that lost its directory comes back
 * under another name, is a member of nothing, and so cannot vote with forgotten state (docs/decisions/0003).
 *
 * @param address host:port of its Raft port
 */
public record Peer(int nodeId, String incarnation, String address) {
    private static final String SEPARATOR = "-";

    public String name() {
        return nodeId + SEPARATOR + incarnation;
    }

    /** Node id out of a peer name. */
    static int nodeIdOf(RaftPeerId id) {
        String name = id.toString();
        return Integer.parseInt(name.substring(0, name.indexOf(SEPARATOR)));
    }

    RaftPeerId raftId() {
        return RaftPeerId.valueOf(name());
    }

    RaftPeer raft() {
        return RaftPeer.newBuilder().setId(raftId()).setAddress(address).build();
    }

    static Peer of(RaftPeer peer) {
        String name = peer.getId().toString();
        return new Peer(
                nodeIdOf(peer.getId()), name.substring(name.indexOf(SEPARATOR) + 1), String.valueOf(peer.getAddress()));
    }

    public static Set<String> names(Collection<Peer> peers) {
        Set<String> names = new HashSet<>();
        peers.forEach(peer -> names.add(peer.name()));
        return names;
    }
}
