package io.holdfast.consensus.stream;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The topics that groups subscribe to, as the metadata has them now. */
public interface TopicSource {
    record Topic(long id, String name, int partitions) {}

    @Nullable
    Topic topic(String name);

    /** By name. */
    Collection<Topic> topicsWithPrefix(String prefix);

    /** Where a partition has replicas; nowhere if it does not exist any more. */
    Set<String> racks(Topic topic, int partition);

    /** From which partitions were split off, by partition; those of which nothing is in another are left out. */
    Map<Integer, Parent> parents(Topic topic);

    /** @param endOffset before which it has records of the other's keys; {@link Long#MAX_VALUE} if that is not known yet */
    record Parent(int partition, long endOffset) {}

    boolean isDeleted(long topicId);

    /** Id that the next topic will have. */
    long nextTopicId();
}
