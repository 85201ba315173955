package io.holdfast.node.cluster;

import io.grpc.StatusRuntimeException;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.Formation;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.HelloResponse;
import io.holdfast.internal.v1.NodeRow;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How a node finds its cluster, or begins one (docs/decisions/0003).
 *
 * <p>A cluster begins once: the initial node with the lowest id hears from every other initial node that it has no
 * cluster, writes down who they all are, incarnations included, and the others copy that. A node with an empty
 * directory therefore never assumes that it is new: as long as one initial node remembers the cluster, it joins it
 * under its new incarnation, as a member of nothing.
 */
public final class ClusterFormation {
    private static final Logger LOG = LoggerFactory.getLogger(ClusterFormation.class);
    private static final long HELLO_TIMEOUT_MS = 1_000;
    private static final long RETRY_MS = 100;
    private static final long REMIND_MS = 10_000;

    private final NodeIdentity identity;
    private final Map<Integer, String> initialNodes;
    private final NodeChannels channels;

    /**
     * @param formation as written down
     * @param peers members of the metadata group to open it with; this node is among them only if it founded it
     */
    public record Outcome(Formation formation, List<NodeRow> peers, boolean founder) {}

    public ClusterFormation(NodeIdentity identity, Map<Integer, String> initialNodes, NodeChannels channels) {
        this.identity = identity;
        this.initialNodes = initialNodes;
        this.channels = channels;
    }

    /** Blocks until the cluster is found or formed. */
    public Outcome run() throws IOException, InterruptedException {
        long started = System.currentTimeMillis();
        long reminded = started;
        while (true) {
            Formation stored = identity.formation();
            if (stored != null && (isFounder(stored) || identity.replica(GroupId.METADATA) != null)) {
                return outcome(stored, stored.getMembersList());
            }
            List<HelloResponse> answers = hello();
            for (HelloResponse answer : answers) {
                if (answer.hasFormation()) {
                    return adopt(answer, stored);
                }
            }
            if (stored == null
                    && answers.size() == initialNodes.size() - (initialNodes.containsKey(self().getNodeId()) ? 1 : 0)
                    && isLowest()) {
                Formation formation = form(answers);
                identity.storeFormation(formation);
                LOG.info("formed cluster {} of {} nodes", formation.getClusterId(), formation.getMembersCount());
                return outcome(formation, formation.getMembersList());
            }
            if (System.currentTimeMillis() - reminded > REMIND_MS) {
                reminded = System.currentTimeMillis();
                LOG.warn(
                        "waiting for the other nodes in cluster.initial-nodes: {} of {} answer",
                        answers.size(),
                        initialNodes.size() - 1);
            }
            Thread.sleep(RETRY_MS);
        }
    }

    private NodeRow self() {
        return identity.self();
    }

    private boolean isLowest() {
        return initialNodes.keySet().iterator().next() == self().getNodeId();
    }

    private List<HelloResponse> hello() {
        List<HelloResponse> answers = new ArrayList<>();
        initialNodes.forEach((id, address) -> {
            if (id == self().getNodeId()) {
                return;
            }
            try {
                HelloResponse answer = channels.node(address, HELLO_TIMEOUT_MS)
                        .hello(HelloRequest.newBuilder().setNode(self()).build());
                if (answer.getNode().getNodeId() != id) {
                    LOG.warn(
                            "{} is node {}, cluster.initial-nodes says {}",
                            address,
                            answer.getNode().getNodeId(),
                            id);
                } else {
                    answers.add(answer);
                }
            } catch (StatusRuntimeException e) {
                LOG.debug("node {} at {} does not answer: {}", id, address, e.getStatus());
            }
        });
        return answers;
    }

    private Formation form(List<HelloResponse> answers) {
        Formation.Builder formation = Formation.newBuilder()
                .setClusterId(UUID.randomUUID().toString())
                .addMembers(self());
        answers.forEach(answer -> formation.addMembers(answer.getNode()));
        return formation.build();
    }

    private Outcome adopt(HelloResponse answer, @Nullable Formation stored) throws IOException {
        Formation formation = answer.getFormation();
        if (stored != null && !stored.getClusterId().equals(formation.getClusterId())) {
            throw new IOException("this node belongs to cluster " + stored.getClusterId() + " but node "
                    + answer.getNode().getNodeId() + " to " + formation.getClusterId()
                    + ": correct cluster.initial-nodes or node.data-dir");
        }
        if (stored == null) {
            identity.storeFormation(formation);
        }
        boolean founder = isFounder(formation);
        LOG.info("{} cluster {}", founder ? "found" : "joining", formation.getClusterId());
        return outcome(formation, founder ? formation.getMembersList() : answer.getMetadataPeersList());
    }

    private boolean isFounder(Formation formation) {
        return formation.getMembersList().stream()
                .anyMatch(member -> member.getNodeId() == self().getNodeId()
                        && member.getIncarnation().equals(self().getIncarnation()));
    }

    private Outcome outcome(Formation formation, List<NodeRow> peers) {
        return new Outcome(formation, List.copyOf(peers), isFounder(formation));
    }
}
