package io.holdfast.node.cluster;

import io.grpc.StatusRuntimeException;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.HelloResponse;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.RegisterRequest;
import io.holdfast.internal.v1.RegisterResponse;
import java.io.IOException;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes the metadata say who this node is now, and waits until its own replica of the metadata says so too. */
public final class NodeRegistration {
    private static final Logger LOG = LoggerFactory.getLogger(NodeRegistration.class);
    private static final long CALL_MS = 2_000;
    private static final long RETRY_MS = 50;
    private static final long HELLO_MS = 300;
    private static final long STAND_AGAIN_NANOS = 500_000_000L;
    /** It may wait in vain: whether it should vote depends on who is there, which the leader sees. */
    private static final long VOTE_NANOS = 10_000_000_000L;

    /** What a node says that finds itself removed. */
    public static final String REMOVED =
            "this node was removed from the cluster: to bring it back, empty its data directory and start it again";

    private final NodeRow self;
    private final Map<Integer, String> initialNodes;
    private final NodeChannels channels;
    private final MetadataReplica metadata;
    private final ClusterState state;
    private long stoodAt = System.nanoTime() - STAND_AGAIN_NANOS;

    public NodeRegistration(
            NodeRow self,
            Map<Integer, String> initialNodes,
            NodeChannels channels,
            MetadataReplica metadata,
            ClusterState state) {
        this.self = self;
        this.initialNodes = initialNodes;
        this.channels = channels;
        this.metadata = metadata;
        this.state = state;
    }

    /**
     * Blocks until done and, for a while, until this node votes on the metadata if it should: a node that is ready had
     * better count. One whose row is unchanged needs no leader to start.
     *
     * @param wasMember it founded the cluster; then there is no vote to wait for
     * @throws IOException if the node has been removed from the cluster, or is too old for it
     */
    public void run(boolean wasMember) throws IOException, InterruptedException {
        boolean accepted = false;
        while (!self.equals(state.image().nodes().get(self.getNodeId()))) {
            if (wasMember && metadata.votes() && metadata.leaderNode() == 0) {
                standIfFirst();
            }
            if (!accepted) {
                accepted = registerAnywhere();
            }
            Thread.sleep(accepted ? 5 : RETRY_MS);
        }
        long deadline = System.nanoTime() + VOTE_NANOS;
        while (!wasMember && isToVote() && System.nanoTime() < deadline) {
            Thread.sleep(5);
        }
    }

    /** As the leader would see it who finds everybody there. */
    private boolean isToVote() {
        Peer me = MetadataImage.peer(self);
        return !metadata.group().isMember()
                && MetadataVoters.desired(metadata.voters(), state.image(), node -> false, node -> false)
                        .contains(me);
    }

    /**
     * Where a whole cluster starts there is nobody to wait for: of the initial nodes the first stands for election once
     * most are there, and none of them has heard of a leader.
     */
    private void standIfFirst() {
        long now = System.nanoTime();
        if (initialNodes.keySet().iterator().next() != self.getNodeId() || now - stoodAt < STAND_AGAIN_NANOS) {
            return;
        }
        int there = 1;
        for (Map.Entry<Integer, String> other : initialNodes.entrySet()) {
            if (other.getKey() == self.getNodeId()) {
                continue;
            }
            try {
                HelloResponse answer = channels.node(other.getValue(), HELLO_MS)
                        .hello(HelloRequest.newBuilder().setNode(self).build());
                if (answer.getMetadataLeaderNode() != 0) {
                    return;
                }
                there += answer.hasFormation() ? 1 : 0;
            } catch (StatusRuntimeException e) {
                LOG.debug("{} does not answer: {}", other.getValue(), e.getStatus());
            }
        }
        if (2 * there > initialNodes.size()) {
            stoodAt = now;
            metadata.group().elect();
        }
    }

    private boolean registerAnywhere() throws IOException {
        Set<String> addresses = new LinkedHashSet<>();
        int leader = metadata.leaderNode();
        if (leader == self.getNodeId()) {
            addresses.add(self.getApiAddress());
        } else if (leader != 0) {
            addresses.add(initialNodes.getOrDefault(leader, state.apiAddress(leader)));
        }
        addresses.addAll(initialNodes.values());
        for (String address : addresses) {
            RegisterResponse response = registerAt(address);
            if (response != null && !response.getAccepted()) {
                response = registerAt(response.getMetadataLeaderAddress());
            }
            if (response != null && response.getAccepted()) {
                return true;
            }
        }
        return false;
    }

    /** Null if nobody answers there. */
    private @Nullable RegisterResponse registerAt(String address) throws IOException {
        if (address.isEmpty()) {
            return null;
        }
        try {
            RegisterResponse response = channels.node(address, CALL_MS)
                    .register(RegisterRequest.newBuilder().setNode(self).build());
            if (response.getRemoved()) {
                throw new IOException(REMOVED);
            }
            if (!response.getRefusal().isEmpty()) {
                throw new IOException(response.getRefusal());
            }
            return response;
        } catch (StatusRuntimeException e) {
            LOG.debug("{} did not register this node: {}", address, e.getStatus());
            return null;
        }
    }
}
