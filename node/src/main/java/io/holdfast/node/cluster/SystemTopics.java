package io.holdfast.node.cluster;

/** Topics whose partitions hold the cluster's own state instead of records. Users can neither make nor delete them. */
public final class SystemTopics {
    private static final String PREFIX = "__";

    /** Each partition is a shard: it holds the stream groups whose names hash to it. */
    public static final String STREAM_GROUPS = PREFIX + "stream-groups";

    private SystemTopics() {}

    public static boolean isSystem(String topic) {
        return topic.startsWith(PREFIX);
    }
}
