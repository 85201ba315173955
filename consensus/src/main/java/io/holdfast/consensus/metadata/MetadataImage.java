package io.holdfast.consensus.metadata;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.MetadataImageRow;
import io.holdfast.internal.v1.NamedProducerRow;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import java.util.ArrayList;
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
        NavigableMap<Integer, NodeRow> nodes,
        NavigableMap<String, TopicRow> topics,
        NavigableMap<String, NamedProducerRow> namedProducers,
        QueueGroups groups,
        long nextProducerId,
        long nextTopicId) {
    public static final MetadataImage EMPTY = new MetadataImage(
            0,
            Collections.emptyNavigableMap(),
            Collections.emptyNavigableMap(),
            Collections.emptyNavigableMap(),
            QueueGroups.EMPTY,
            1,
            1);

    public @Nullable TopicRow topic(String name) {
        return topics.get(name);
    }

    /** The topic with this id, if it still exists. */
    public @Nullable TopicRow topic(long topicId) {
        for (TopicRow topic : topics.values()) {
            if (topic.getTopicId() == topicId) {
                return topic;
            }
        }
        return null;
    }

    public String apiAddress(int nodeId) {
        NodeRow node = nodes.get(nodeId);
        return node == null ? "" : node.getApiAddress();
    }

    /** Who should be the members of a partition's group; nodes that are not registered are left out. */
    public List<Peer> peers(TopicRow topic, int partition) {
        List<Peer> peers = new ArrayList<>();
        for (int nodeId : topic.getAssignments(partition).getReplicaNodesList()) {
            NodeRow node = nodes.get(nodeId);
            if (node != null) {
                peers.add(peer(node));
            }
        }
        return peers;
    }

    /** Who founded a partition's group; the same at all times and on all nodes. */
    public List<Peer> founders(TopicRow topic, int partition) {
        List<Peer> peers = new ArrayList<>();
        PartitionAssignment assignment = topic.getAssignments(partition);
        for (int i = 0; i < assignment.getReplicaNodesCount(); i++) {
            NodeRow node = nodes.get(assignment.getReplicaNodes(i));
            if (node != null) {
                peers.add(new Peer(node.getNodeId(), assignment.getFounderIncarnations(i), node.getRaftAddress()));
            }
        }
        return peers;
    }

    public static Peer peer(NodeRow node) {
        return new Peer(node.getNodeId(), node.getIncarnation(), node.getRaftAddress());
    }

    public static GroupId group(TopicRow topic, int partition) {
        return GroupId.ofPartition(topic.getTopicId(), partition);
    }

    MetadataImageRow toRow(long appliedIndex, long appliedTerm, long nowMs) {
        return MetadataImageRow.newBuilder()
                .setAppliedIndex(appliedIndex)
                .setAppliedTerm(appliedTerm)
                .setNowMs(nowMs)
                .addAllNodes(nodes.values())
                .addAllTopics(topics.values())
                .addAllNamedProducers(namedProducers.values())
                .addAllGroups(groups.all())
                .setNextGroupId(groups.nextId())
                .setNextProducerId(nextProducerId)
                .setNextTopicId(nextTopicId)
                .build();
    }

    static MetadataImage of(MetadataImageRow row) {
        NavigableMap<Integer, NodeRow> nodes = new TreeMap<>();
        row.getNodesList().forEach(node -> nodes.put(node.getNodeId(), node));
        NavigableMap<String, TopicRow> topics = new TreeMap<>();
        row.getTopicsList().forEach(topic -> topics.put(topic.getName(), topic));
        NavigableMap<String, NamedProducerRow> producers = new TreeMap<>();
        row.getNamedProducersList().forEach(producer -> producers.put(producer.getName(), producer));
        return new MetadataImage(
                row.getAppliedIndex(),
                nodes,
                topics,
                producers,
                QueueGroups.of(row.getGroupsList(), row.getNextGroupId()),
                row.getNextProducerId(),
                row.getNextTopicId());
    }

    MetadataImage withNode(long index, NodeRow node) {
        NavigableMap<Integer, NodeRow> changed = new TreeMap<>(nodes);
        changed.put(node.getNodeId(), node);
        return new MetadataImage(index, changed, topics, namedProducers, groups, nextProducerId, nextTopicId);
    }

    /** A new topic, or one that replaces its own older row. */
    MetadataImage withTopic(long index, TopicRow topic) {
        NavigableMap<String, TopicRow> changed = new TreeMap<>(topics);
        changed.put(topic.getName(), topic);
        return new MetadataImage(
                index,
                nodes,
                changed,
                namedProducers,
                groups,
                nextProducerId,
                Math.max(nextTopicId, topic.getTopicId() + 1));
    }

    MetadataImage withoutTopic(long index, String name) {
        NavigableMap<String, TopicRow> changed = new TreeMap<>(topics);
        changed.remove(name);
        return new MetadataImage(
                index, nodes, changed, namedProducers, groups.withoutTopic(name), nextProducerId, nextTopicId);
    }

    MetadataImage withNextProducerId(long index, long next) {
        return new MetadataImage(index, nodes, topics, namedProducers, groups, next, nextTopicId);
    }

    MetadataImage withNamedProducer(long index, NamedProducerRow producer) {
        NavigableMap<String, NamedProducerRow> changed = new TreeMap<>(namedProducers);
        changed.put(producer.getName(), producer);
        return new MetadataImage(index, nodes, topics, changed, groups, nextProducerId, nextTopicId);
    }

    MetadataImage withGroups(long index, QueueGroups changed) {
        return new MetadataImage(index, nodes, topics, namedProducers, changed, nextProducerId, nextTopicId);
    }
}
