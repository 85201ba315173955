package io.holdfast.node.cluster;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Who votes on the metadata: one node of one or two, three of three or four, five of five or more. A pure function.
 * Voters stay voters as long as they can; one that is removed, drained or given up is replaced when somebody can take
 * its place. A founder that has not registered yet is one too: it is only late.
 */
final class MetadataVoters {
    private static final int VOTERS_MAX = 5;

    private MetadataVoters() {}

    /**
     * @param now who votes now
     * @param isDown whether a node does not answer now: it becomes no voter
     * @param isGivenUp whether a node has not answered for so long that it should be replaced
     * @return who shall vote, each under its present incarnation
     */
    static List<Peer> desired(List<Peer> now, MetadataImage image, IntPredicate isDown, IntPredicate isGivenUp) {
        Set<Integer> voters = new TreeSet<>();
        now.forEach(peer -> voters.add(peer.nodeId()));
        voters.removeIf(id -> state(image, id) == NodeState.NODE_STATE_REMOVING);
        long able = image.nodes().keySet().stream()
                .filter(id -> isAble(image, id) && !isGivenUp.test(id))
                .count();
        int target = (int) Math.min(VOTERS_MAX, able % 2 == 0 ? able - 1 : able);
        for (int id : List.copyOf(voters)) {
            boolean replace = isGivenUp.test(id) || state(image, id) == NodeState.NODE_STATE_DRAINING;
            Integer next = replace ? candidate(image, voters, isDown) : null;
            if (next != null) {
                voters.remove(id);
                voters.add(next);
            }
        }
        while (voters.size() < target) {
            Integer next = candidate(image, voters, isDown);
            if (next == null) {
                break;
            }
            voters.add(next);
        }
        List<Peer> desired = new ArrayList<>();
        for (int id : voters) {
            NodeRow row = image.nodes().get(id);
            if (row != null) {
                desired.add(MetadataImage.peer(row));
            } else {
                now.stream().filter(peer -> peer.nodeId() == id).forEach(desired::add);
            }
        }
        return desired.isEmpty() ? now : desired;
    }

    /** In a rack without a voter, if there is one. */
    private static @Nullable Integer candidate(MetadataImage image, Set<Integer> voters, IntPredicate isDown) {
        Set<String> racks = new HashSet<>();
        voters.forEach(id -> racks.add(rack(image, id)));
        return image.nodes().keySet().stream()
                .filter(id -> !voters.contains(id) && isAble(image, id) && !isDown.test(id))
                .min(Comparator.comparing((Integer id) -> racks.contains(rack(image, id)))
                        .thenComparing(id -> id))
                .orElse(null);
    }

    private static boolean isAble(MetadataImage image, int id) {
        NodeState state = state(image, id);
        return state != NodeState.NODE_STATE_REMOVING && state != NodeState.NODE_STATE_DRAINING;
    }

    private static NodeState state(MetadataImage image, int id) {
        return image.clusterNodes().state(id);
    }

    private static String rack(MetadataImage image, int id) {
        NodeRow row = image.nodes().get(id);
        return row == null ? "" : row.getRack();
    }
}
