package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeStateRow;
import io.holdfast.internal.v1.RemovedNodeRow;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The nodes of the cluster, what is wanted of each, and those that were taken out of it. Immutable.
 *
 * @param rows by node id
 * @param states of nodes that are not simply active, by node id
 * @param removed the latest, oldest first
 * @param featureLevel see {@link FeatureLevel}; at least 1
 */
public record ClusterNodes(
        NavigableMap<Integer, NodeRow> rows,
        NavigableMap<Integer, NodeStateRow> states,
        List<RemovedNodeRow> removed,
        int featureLevel) {
    private static final int REMOVED_KEPT = 1_000;

    public static final ClusterNodes EMPTY =
            new ClusterNodes(Collections.emptyNavigableMap(), Collections.emptyNavigableMap(), List.of(), 1);

    static ClusterNodes of(
            List<NodeRow> rows, List<NodeStateRow> states, List<RemovedNodeRow> removed, int featureLevel) {
        NavigableMap<Integer, NodeRow> byId = new TreeMap<>();
        rows.forEach(row -> byId.put(row.getNodeId(), row));
        NavigableMap<Integer, NodeStateRow> statesById = new TreeMap<>();
        states.forEach(row -> statesById.put(row.getNodeId(), row));
        return new ClusterNodes(byId, statesById, List.copyOf(removed), Math.max(1, featureLevel));
    }

    /** What is wanted of a node; active unless somebody said otherwise. */
    public NodeState state(int nodeId) {
        NodeStateRow row = states.get(nodeId);
        return row == null ? NodeState.NODE_STATE_ACTIVE : row.getState();
    }

    /** Whether this is a node that was taken out of the cluster, with the data it had. */
    public boolean isRemoved(NodeRow node) {
        return removed.stream()
                .anyMatch(gone -> gone.getNodeId() == node.getNodeId()
                        && gone.getIncarnation().equals(node.getIncarnation()));
    }

    ClusterNodes with(NodeRow node) {
        NavigableMap<Integer, NodeRow> changed = new TreeMap<>(rows);
        changed.put(node.getNodeId(), node);
        return new ClusterNodes(changed, states, removed, featureLevel);
    }

    ClusterNodes withFeatureLevel(int level) {
        return new ClusterNodes(rows, states, removed, level);
    }

    ClusterNodes with(NodeStateRow state) {
        NavigableMap<Integer, NodeStateRow> changed = new TreeMap<>(states);
        if (state.getState() == NodeState.NODE_STATE_ACTIVE) {
            changed.remove(state.getNodeId());
        } else {
            changed.put(state.getNodeId(), state);
        }
        return new ClusterNodes(rows, changed, removed, featureLevel);
    }

    ClusterNodes without(NodeRow node, long nowMs) {
        NavigableMap<Integer, NodeRow> fewer = new TreeMap<>(rows);
        fewer.remove(node.getNodeId());
        NavigableMap<Integer, NodeStateRow> fewerStates = new TreeMap<>(states);
        fewerStates.remove(node.getNodeId());
        List<RemovedNodeRow> more =
                new ArrayList<>(removed.subList(Math.max(0, removed.size() - REMOVED_KEPT + 1), removed.size()));
        more.add(RemovedNodeRow.newBuilder()
                .setNodeId(node.getNodeId())
                .setIncarnation(node.getIncarnation())
                .setRemovedMs(nowMs)
                .build());
        return new ClusterNodes(fewer, fewerStates, List.copyOf(more), featureLevel);
    }
}
