package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.ChangeReplicasCommand;
import io.holdfast.internal.v1.ConfirmReplicasCommand;
import io.holdfast.internal.v1.ConfirmedReplicas;
import io.holdfast.internal.v1.Founder;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeStateRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.ReplicaChange;
import io.holdfast.internal.v1.SetNodeStateCommand;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The metadata commands about nodes and about which of them have which replicas. Each is a function of the image before
 * and the command; a command that comes too late, twice, or from somebody who knew less, changes nothing.
 *
 * <p>A replica moves in two steps, each safe to be interrupted after: a change names the nodes that shall have it and
 * keeps those that had it before as leaving, since they may be members of the Raft group still; a confirmation, sent by
 * the group's leader when its members are those of the change, lets them go.
 */
final class NodeCommands {
    private static final String STATE_PREFIX = "NODE_STATE_";

    private final long index;
    private final long nowMs;
    private final MetadataReply.Builder reply;
    private final List<String> events;

    /** @param events gets what happened, for operators */
    NodeCommands(long index, long nowMs, MetadataReply.Builder reply, List<String> events) {
        this.index = index;
        this.nowMs = nowMs;
        this.reply = reply;
        this.events = events;
    }

    MetadataImage register(MetadataImage image, NodeRow node) {
        if (image.clusterNodes().isRemoved(node)) {
            reply.setResult(MetadataResult.METADATA_RESULT_NODE_REMOVED);
            return image;
        }
        int level = image.clusterNodes().featureLevel();
        if (FeatureLevel.of(node) < level) {
            reply.setResult(MetadataResult.METADATA_RESULT_NODE_TOO_OLD)
                    .setMessage(FeatureLevel.tooOld(node.getNodeId(), FeatureLevel.of(node), level));
            return image;
        }
        NodeRow before = image.nodes().get(node.getNodeId());
        if (node.equals(before)) {
            return image;
        }
        if (before == null) {
            events.add("node " + node.getNodeId() + " joined at " + node.getApiAddress());
        } else if (!before.getIncarnation().equals(node.getIncarnation())) {
            events.add("node " + node.getNodeId() + " came back without its data: it gets copies of what it had");
        } else {
            events.add("node " + node.getNodeId() + " is at " + node.getApiAddress() + " now, version "
                    + node.getVersion());
        }
        ClusterNodes nodes = image.clusterNodes().with(node);
        boolean isFirst = image.nodes().isEmpty(); // a new cluster need not be understood by older versions
        return image.with(index, isFirst ? nodes.withFeatureLevel(FeatureLevel.of(node)) : nodes);
    }

    MetadataImage raise(MetadataImage image, int level) {
        int before = image.clusterNodes().featureLevel();
        if (level <= before) {
            return image;
        }
        if (level > FeatureLevel.common(image.nodes().values())) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage("upgrade nodes "
                            + FeatureLevel.heldBackBy(image.nodes().values())
                            + " first: they do not know feature level " + level);
            return image;
        }
        events.add("the feature level was raised from " + before + " to " + level);
        return image.with(index, image.clusterNodes().withFeatureLevel(level));
    }

    MetadataImage setState(MetadataImage image, SetNodeStateCommand command) {
        int nodeId = command.getNodeId();
        if (!image.nodes().containsKey(nodeId)) {
            reply.setResult(MetadataResult.METADATA_RESULT_NODE_NOT_FOUND);
            return image;
        }
        if (image.clusterNodes().state(nodeId) == command.getState()) {
            return image;
        }
        events.add("node " + nodeId + " shall be "
                + command.getState().name().substring(STATE_PREFIX.length()).toLowerCase(Locale.ROOT));
        return image.with(
                index,
                image.clusterNodes()
                        .with(NodeStateRow.newBuilder()
                                .setNodeId(nodeId)
                                .setState(command.getState())
                                .setSinceMs(nowMs)
                                .build()));
    }

    MetadataImage remove(MetadataImage image, int nodeId) {
        NodeRow node = image.nodes().get(nodeId);
        if (node == null) {
            reply.setResult(MetadataResult.METADATA_RESULT_NODE_NOT_FOUND);
            return image;
        }
        if (image.clusterNodes().state(nodeId) != NodeState.NODE_STATE_REMOVING || image.isUsed(nodeId)) {
            reply.setResult(MetadataResult.METADATA_RESULT_INVALID)
                    .setMessage("wait until node " + nodeId + " has no replicas any more");
            return image;
        }
        events.add("node " + nodeId + " has nothing any more and was removed");
        return image.with(index, image.clusterNodes().without(node, nowMs));
    }

    MetadataImage change(MetadataImage image, ChangeReplicasCommand command) {
        Map<Long, TopicRow.Builder> changed = new HashMap<>();
        for (ReplicaChange change : command.getChangesList()) {
            TopicRow.Builder topic = topic(image, changed, change.getTopicId(), change.getPartition());
            if (topic == null) {
                continue;
            }
            PartitionAssignment before = topic.getAssignments(change.getPartition());
            if (!before.getReplicaNodesList().equals(change.getExpectedNodesList()) || !isPossible(image, change)) {
                continue;
            }
            topic.setAssignments(change.getPartition(), changed(before, change));
            events.add("partition " + topic.getName() + "/" + change.getPartition() + " from nodes "
                    + change.getExpectedNodesList() + " to " + change.getReplicaNodesList() + ": "
                    + change.getReason());
        }
        return image.withTopics(index, changed.values());
    }

    private static boolean isPossible(MetadataImage image, ReplicaChange change) {
        Set<Integer> nodes = new HashSet<>(change.getReplicaNodesList());
        return !nodes.isEmpty()
                && nodes.size() == change.getReplicaNodesCount()
                && image.nodes().keySet().containsAll(nodes);
    }

    private PartitionAssignment changed(PartitionAssignment before, ReplicaChange change) {
        Set<Integer> now = new LinkedHashSet<>(change.getReplicaNodesList());
        PartitionAssignment.Builder after =
                before.toBuilder().clearReplicaNodes().addAllReplicaNodes(now);
        if (now.equals(new HashSet<>(before.getReplicaNodesList()))) {
            return after.build(); // another leader, nothing moves
        }
        // Whoever was wanted at any time since the last confirmation may be a member.
        Set<Integer> leaving = new LinkedHashSet<>(before.getLeavingNodesList());
        leaving.addAll(before.getReplicaNodesList());
        leaving.removeAll(now);
        List<Integer> arriving = new ArrayList<>(now);
        arriving.removeIf(node -> !before.getArrivingNodesList().contains(node)
                && (before.getReplicaNodesList().contains(node)
                        || before.getLeavingNodesList().contains(node)));
        after.setUnconfirmedChange(index)
                .clearLeavingNodes()
                .addAllLeavingNodes(leaving)
                .clearArrivingNodes()
                .addAllArrivingNodes(arriving);
        for (int i = 0; i < before.getFoundersCount(); i++) {
            Founder founder = before.getFounders(i);
            if (!now.contains(founder.getNodeId())) {
                after.setFounders(i, founder.toBuilder().setLeft(true));
            }
        }
        return after.build();
    }

    MetadataImage confirm(MetadataImage image, ConfirmReplicasCommand command) {
        Map<Long, TopicRow.Builder> changed = new HashMap<>();
        for (ConfirmedReplicas confirmed : command.getConfirmedList()) {
            TopicRow.Builder topic = topic(image, changed, confirmed.getTopicId(), confirmed.getPartition());
            if (topic == null) {
                continue;
            }
            PartitionAssignment before = topic.getAssignments(confirmed.getPartition());
            if (before.getUnconfirmedChange() == 0 || before.getUnconfirmedChange() != confirmed.getChange()) {
                continue;
            }
            topic.setAssignments(
                    confirmed.getPartition(),
                    before.toBuilder()
                            .clearUnconfirmedChange()
                            .clearLeavingNodes()
                            .clearArrivingNodes());
            events.add("partition " + topic.getName() + "/" + confirmed.getPartition() + " is on nodes "
                    + before.getReplicaNodesList() + " now");
        }
        return image.withTopics(index, changed.values());
    }

    /** The topic as changed so far by this command, or null if it has no such partition. */
    private static TopicRow.@Nullable Builder topic(
            MetadataImage image, Map<Long, TopicRow.Builder> changed, long topicId, int partition) {
        TopicRow.Builder topic = changed.get(topicId);
        if (topic == null) {
            TopicRow row = image.topic(topicId);
            if (row == null) {
                return null;
            }
            topic = row.toBuilder();
            changed.put(topicId, topic);
        }
        return partition < 0 || partition >= topic.getAssignmentsCount() ? null : topic;
    }
}
