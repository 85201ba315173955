package io.holdfast.node.stream;

import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.stream.TopicSource;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.PartitionAssignment;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.SystemTopics;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
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
        MetadataImage image = state.image();
        TopicRow row = SystemTopics.isSystem(name) ? null : image.topic(name);
        return row == null ? null : topic(image, row);
    }

    @Override
    public Collection<Topic> topicsWithPrefix(String prefix) {
        MetadataImage image = state.image();
        List<Topic> topics = new ArrayList<>();
        for (TopicRow row : image.topics().tailMap(prefix, true).values()) {
            if (!row.getName().startsWith(prefix)) {
                break;
            }
            if (!SystemTopics.isSystem(row.getName())) {
                topics.add(topic(image, row));
            }
        }
        return topics;
    }

    private static Topic topic(MetadataImage image, TopicRow row) {
        List<Set<String>> racks = new ArrayList<>();
        for (PartitionAssignment assignment : row.getAssignmentsList()) {
            Set<String> of = new HashSet<>();
            for (int nodeId : assignment.getReplicaNodesList()) {
                NodeRow node = image.nodes().get(nodeId);
                if (node != null && !node.getRack().isEmpty()) {
                    of.add(node.getRack());
                }
            }
            racks.add(of);
        }
        return new Topic(row.getTopicId(), row.getName(), racks);
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
