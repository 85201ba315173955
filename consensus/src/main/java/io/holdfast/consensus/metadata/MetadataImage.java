package io.holdfast.consensus.metadata;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.Founder;
import io.holdfast.internal.v1.MetadataImageRow;
import io.holdfast.internal.v1.NamedProducerRow;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeStateRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.v1.NodeState;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * All metadata as of one Raft index; immutable, so it is read without locks.
 *
 * @param version Raft index of the last change
 */
public record MetadataImage(
        long version,
        ClusterNodes clusterNodes,
        Topics allTopics,
        NavigableMap<String, NamedProducerRow> namedProducers,
        QueueGroups groups,
        ClusterEvents events,
        long nextProducerId,
        long nextTopicId) {
    public static final MetadataImage EMPTY = new MetadataImage(
            0,
            ClusterNodes.EMPTY,
            Topics.EMPTY,
            Collections.emptyNavigableMap(),
            QueueGroups.EMPTY,
            ClusterEvents.EMPTY,
            1,
            1);

    /** The nodes of the cluster by id. */
    public NavigableMap<Integer, NodeRow> nodes() {
        return clusterNodes.rows();
    }

    /** The topics by name. */
    public NavigableMap<String, TopicRow> topics() {
        return allTopics.byName();
    }

    public @Nullable TopicRow topic(String name) {
        return topics().get(name);
    }

    /** The topic with this id, if it still exists. */
    public @Nullable TopicRow topic(long topicId) {
        return allTopics.byId().get(topicId);
    }

    public String apiAddress(int nodeId) {
        NodeRow node = nodes().get(nodeId);
        return node == null ? "" : node.getApiAddress();
    }

    /** Who should be the members of a partition's group; nodes that are not registered are left out. */
    public List<Peer> peers(TopicRow topic, int partition) {
        List<Peer> peers = new ArrayList<>();
        for (int nodeId : topic.getAssignments(partition).getReplicaNodesList()) {
            NodeRow node = nodes().get(nodeId);
            if (node != null) {
                peers.add(peer(node));
            }
        }
        return peers;
    }

    /** As if somebody had wanted this of a node; for plans. */
    public MetadataImage withNodeState(int nodeId, NodeState state) {
        return with(
                version,
                clusterNodes.with(NodeStateRow.newBuilder()
                        .setNodeId(nodeId)
                        .setState(state)
                        .build()));
    }

    /** Whether any partition has a replica on a node, or may have. */
    public boolean isUsed(int nodeId) {
        return topics().values().stream()
                .flatMap(topic -> topic.getAssignmentsList().stream())
                .anyMatch(assignment -> isUsed(assignment, nodeId));
    }

    private static boolean isUsed(PartitionAssignment assignment, int nodeId) {
        return assignment.getReplicaNodesList().contains(nodeId)
                || assignment.getLeavingNodesList().contains(nodeId);
    }

    /** Whether a node has a place in a partition's group, or had one that the group has not confirmed to be given up. */
    public boolean needs(GroupId group, int nodeId) {
        TopicRow topic = topic(group.topicId());
        if (topic == null || group.partition() >= topic.getAssignmentsCount()) {
            return false;
        }
        return isUsed(topic.getAssignments(group.partition()), nodeId);
    }

    /**
     * With whom a node opens its replica of a partition for the first time: with all founders if it is one of them; if
     * it is to join, with the others that have a replica, and without itself.
     */
    public List<Peer> openingPeers(TopicRow topic, int partition, Peer self) {
        PartitionAssignment assignment = topic.getAssignments(partition);
        List<Peer> founders = new ArrayList<>();
        boolean founds = false;
        boolean allKnown = true;
        for (Founder founder : assignment.getFoundersList()) {
            NodeRow node = nodes().get(founder.getNodeId());
            allKnown &= node != null;
            String address = node == null ? "" : node.getRaftAddress();
            Peer peer = new Peer(founder.getNodeId(), founder.getIncarnation(), address);
            founders.add(peer);
            founds |= peer.name().equals(self.name()) && !founder.getLeft();
        }
        // With fewer than all of them it might find a majority that is none.
        if (founds && allKnown) {
            return founders;
        }
        List<Peer> others = new ArrayList<>(peers(topic, partition));
        for (int leaving : assignment.getLeavingNodesList()) {
            NodeRow node = nodes().get(leaving);
            if (node != null) {
                others.add(peer(node));
            }
        }
        others.removeIf(peer -> peer.nodeId() == self.nodeId());
        return others;
    }

    public static Peer peer(NodeRow node) {
        return new Peer(node.getNodeId(), node.getIncarnation(), node.getRaftAddress());
    }

    /** What Raft has to know of a node; the rest is empty. */
    public static NodeRow row(Peer peer) {
        return NodeRow.newBuilder()
                .setNodeId(peer.nodeId())
                .setIncarnation(peer.incarnation())
                .setRaftAddress(peer.address())
                .build();
    }

    public static GroupId group(TopicRow topic, int partition) {
        return GroupId.ofPartition(topic.getTopicId(), partition);
    }

    MetadataImageRow toRow(long appliedIndex, long appliedTerm, long nowMs) {
        return MetadataImageRow.newBuilder()
                .setAppliedIndex(appliedIndex)
                .setAppliedTerm(appliedTerm)
                .setNowMs(nowMs)
                .addAllNodes(nodes().values())
                .addAllNodeStates(clusterNodes.states().values())
                .addAllRemovedNodes(clusterNodes.removed())
                .addAllTopics(topics().values())
                .addAllNamedProducers(namedProducers.values())
                .addAllGroups(groups.all())
                .setNextGroupId(groups.nextId())
                .addAllEvents(events.latest())
                .setNextProducerId(nextProducerId)
                .setNextTopicId(nextTopicId)
                .setFeatureLevel(clusterNodes.featureLevel())
                .build();
    }

    static MetadataImage of(MetadataImageRow row) {
        NavigableMap<String, NamedProducerRow> producers = new TreeMap<>();
        row.getNamedProducersList().forEach(producer -> producers.put(producer.getName(), producer));
        return new MetadataImage(
                row.getAppliedIndex(),
                ClusterNodes.of(
                        row.getNodesList(), row.getNodeStatesList(), row.getRemovedNodesList(), row.getFeatureLevel()),
                Topics.EMPTY.with(row.getTopicsList()),
                producers,
                QueueGroups.of(row.getGroupsList(), row.getNextGroupId()),
                new ClusterEvents(List.copyOf(row.getEventsList())),
                row.getNextProducerId(),
                row.getNextTopicId());
    }

    MetadataImage with(long index, ClusterNodes changed) {
        return new MetadataImage(
                index, changed, allTopics, namedProducers, groups, events, nextProducerId, nextTopicId);
    }

    MetadataImage with(ClusterEvents more) {
        return new MetadataImage(
                version, clusterNodes, allTopics, namedProducers, groups, more, nextProducerId, nextTopicId);
    }

    /** A new topic, or one that replaces its own older row. */
    MetadataImage withTopic(long index, TopicRow topic) {
        return withTopics(index, List.of(topic.toBuilder()));
    }

    MetadataImage withTopics(long index, Collection<TopicRow.Builder> rows) {
        List<TopicRow> changed = new ArrayList<>();
        long nextId = nextTopicId;
        for (TopicRow.Builder topic : rows) {
            changed.add(topic.build());
            nextId = Math.max(nextId, topic.getTopicId() + 1);
        }
        return new MetadataImage(
                index, clusterNodes, allTopics.with(changed), namedProducers, groups, events, nextProducerId, nextId);
    }

    MetadataImage withoutTopic(long index, String name) {
        return new MetadataImage(
                index,
                clusterNodes,
                allTopics.without(name),
                namedProducers,
                groups.withoutTopic(name),
                events,
                nextProducerId,
                nextTopicId);
    }

    MetadataImage withNextProducerId(long index, long next) {
        return new MetadataImage(index, clusterNodes, allTopics, namedProducers, groups, events, next, nextTopicId);
    }

    MetadataImage withNamedProducer(long index, NamedProducerRow producer) {
        NavigableMap<String, NamedProducerRow> changed = new TreeMap<>(namedProducers);
        changed.put(producer.getName(), producer);
        return new MetadataImage(index, clusterNodes, allTopics, changed, groups, events, nextProducerId, nextTopicId);
    }

    MetadataImage withGroups(long index, QueueGroups changed) {
        return new MetadataImage(
                index, clusterNodes, allTopics, namedProducers, changed, events, nextProducerId, nextTopicId);
    }
}
