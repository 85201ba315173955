package io.holdfast.cli.backup;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * What a cluster had at a time, besides the records themselves.
 *
 * @param time when it was begun, ISO 8601; positions of groups are from then, the ends of partitions a little later
 * @param scheduled records that were waiting for their time, by topic
 */
record Snapshot(
        String time,
        List<TopicPart> topics,
        List<QueueGroupPart> queueGroups,
        List<StreamGroupPart> streamGroups,
        Map<String, ScheduledPart> scheduled) {

    /**
     * @param settings as in a file for holdfast apply
     * @param keys of each partition, if the topic has grown; else null: equal shares
     */
    record TopicPart(
            String name,
            long topicId,
            ObjectNode settings,
            List<Range> partitions,

            @JsonInclude(JsonInclude.Include.NON_NULL) @Nullable
            List<Keys> keys) {
        String folder() {
            return name + "-" + Long.toUnsignedString(topicId);
        }

        long records() {
            return partitions.stream()
                    .mapToLong(range -> range.end - range.start)
                    .sum();
        }
    }

    /**
     * Hashes of keys, both ends included.
     *
     * @param parent which has older records of these keys; null if none has
     * @param parentEnd before which it has them
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    record Keys(
            long first,
            long last,
            @Nullable Integer parent,
            @Nullable Long parentEnd) {}

    /** Offsets from {@code start} to before {@code end}. */
    record Range(long start, long end) {}

    /** @param floors by partition: everything before is settled for good */
    record QueueGroupPart(String topic, String name, ObjectNode settings, List<Long> floors) {}

    record StreamGroupPart(String name, ObjectNode settings, List<Committed> committed) {}

    record Committed(String topic, int partition, long offset) {}

    /** @param crc32c of the file that has them */
    record ScheduledPart(int records, int crc32c) {}

    Instant instant() {
        return Instant.parse(time);
    }

    /** Name of its files: the time, without what file systems do not like. */
    String id() {
        return id(time);
    }

    static String id(String time) {
        return time.replaceAll("[^0-9TZ]", "");
    }
}
