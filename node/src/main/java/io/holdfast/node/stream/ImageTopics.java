package io.holdfast.node.stream;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.TopicKeys;
import io.holdfast.consensus.stream.TopicSource;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.ParentPartition;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Topics as this node's image of the metadata has them; those of the system are not among them. */
public final class ImageTopics implements TopicSource {
    private final ClusterState state;

    public ImageTopics(ClusterState state) {
        this.state = state;
    }

    @Override
    public @Nullable Topic topic(String name) {
        TopicRow row = SystemTopics.isSystem(name) ? null : state.image().topic(name);
        return row == null ? null : topic(row);
    }

    @Override
    public Collection<Topic> topicsWithPrefix(String prefix) {
        List<Topic> topics = new ArrayList<>();
        for (TopicRow row : state.image().topics().tailMap(prefix, true).values()) {
            if (!row.getName().startsWith(prefix)) {
                break;
            }
            if (!SystemTopics.isSystem(row.getName())) {
                topics.add(topic(row));
            }
        }
        return topics;
    }

    private static Topic topic(TopicRow row) {
        return new Topic(row.getTopicId(), row.getName(), row.getAssignmentsCount());
    }

    @Override
    public Set<String> racks(Topic topic, int partition) {
        MetadataImage image = state.image();
        TopicRow row = image.topic(topic.name());
        if (row == null || row.getTopicId() != topic.id() || partition >= row.getAssignmentsCount()) {
            return Set.of();
        }
        Set<String> racks = new HashSet<>();
        for (int nodeId : row.getAssignments(partition).getReplicaNodesList()) {
            NodeRow node = image.nodes().get(nodeId);
            if (node != null && !node.getRack().isEmpty()) {
                racks.add(node.getRack());
            }
        }
        return racks;
    }

    @Override
    public Map<Integer, Parent> parents(Topic topic) {
        TopicRow row = state.image().topic(topic.name());
        if (row == null || row.getTopicId() != topic.id() || !TopicKeys.hasGrown(row)) {
            return Map.of();
        }
        Map<Integer, Parent> parents = new HashMap<>();
        for (int p = 0; p < row.getAssignmentsCount(); p++) {
            if (row.getAssignments(p).hasParent()) {
                ParentPartition parent = row.getAssignments(p).getParent();
                parents.put(
                        p,
                        new Parent(
                                parent.getPartition(), parent.hasEndOffset() ? parent.getEndOffset() : Long.MAX_VALUE));
            }
        }
        return parents;
    }

    @Override
    public boolean isDeleted(long topicId) {
        MetadataImage image = state.image();
        return topicId < image.nextTopicId() && image.topic(topicId) == null;
    }

    @Override
    public long nextTopicId() {
        return state.image().nextTopicId();
    }
}
