package io.holdfast.node.cluster;

import io.holdfast.consensus.Refusal;

/** Topics whose partitions hold the cluster's own state instead of records. Users can neither make nor delete them. */
public final class SystemTopics {
    private static final String PREFIX = "__";

    /** Each partition is a shard: it holds the stream groups whose names hash to it. */
    public static final String STREAM_GROUPS = PREFIX + "stream-groups";

    private SystemTopics() {}

    public static boolean isSystem(String topic) {
        return topic.startsWith(PREFIX);
    }

    /** @throws Refusal if the topic is not one that users may make, change or write to */
    public static void refuse(String topic) {
        if (isSystem(topic)) {
            throw Refusal.invalid("choose a topic whose name does not begin with two underscores: '" + topic
                    + "' is the cluster's own");
        }
    }
}
