package io.holdfast.consensus.stream;

import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The topics that groups subscribe to, as the metadata has them now. */
public interface TopicSource {
    /**
     * @param racks of its replicas, per partition
     */
    record Topic(long id, String name, List<Set<String>> racks) {
        int partitions() {
            return racks.size();
        }
    }

    @Nullable
    Topic topic(String name);

    /** By name. */
    Collection<Topic> topicsWithPrefix(String prefix);

    boolean isDeleted(long topicId);

    /** Id that the next topic will have. */
    long nextTopicId();
}
