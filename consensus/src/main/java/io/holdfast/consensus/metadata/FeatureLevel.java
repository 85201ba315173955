package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.NodeRow;
import java.util.Collection;
import java.util.List;

/**
 * What the nodes of a cluster may write: commands, rows and files that every version understands which knows the level. It
 * is part of the metadata and only ever rises, by a command that counts when all nodes know the new level, so a cluster
 * can run two versions while it is being upgraded, and go back until it is raised.
 *
 * <p>Who adds something that older versions would misread raises {@link #KNOWN} and asks the image's level before writing
 * it. Level 1 is what there was at first; level 2 has topics that grow, level 3 has compaction, level 4 appends and
 * queue commands in one entry, level 5 small payloads in the Raft log.
 */
public final class FeatureLevel {
    /** The highest that this version knows. */
    public static final int KNOWN = 5;

    /** From this level on topics may get more partitions. */
    public static final int GROWING_TOPICS = 2;

    /** From this level on topics may be compacted. */
    public static final int COMPACTION = 3;

    /** From this level on an entry may hold appends and a queue command. */
    public static final int SHARED_ENTRIES = 4;

    /** From this level on the Raft log may hold payloads. */
    public static final int KEPT_PAYLOADS = 5;

    private FeatureLevel() {}

    static int of(NodeRow node) {
        return Math.max(1, node.getFeatureLevel());
    }

    /** The highest that all these nodes know. */
    public static int common(Collection<NodeRow> nodes) {
        return nodes.stream().mapToInt(FeatureLevel::of).min().orElse(1);
    }

    /** Nodes that know a lower level than some other. */
    public static List<Integer> heldBackBy(Collection<NodeRow> nodes) {
        int highest = nodes.stream().mapToInt(FeatureLevel::of).max().orElse(1);
        return nodes.stream()
                .filter(node -> of(node) < highest)
                .map(NodeRow::getNodeId)
                .toList();
    }

    /** What a node says that is too old for its cluster. */
    public static String tooOld(int node, int known, int level) {
        return "install a newer version on node " + node + ": the cluster is at feature level " + level
                + ", this version knows " + known;
    }
}
