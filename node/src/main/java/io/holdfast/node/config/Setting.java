package io.holdfast.node.config;

import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Every setting of a node: its key in files and flags, and its default. The one list; nothing else names keys. */
public enum Setting {
    NODE_ID("node.id", "1"),
    NODE_DATA_DIR("node.data-dir", "data"),
    NODE_HOST("node.host", "127.0.0.1"),
    NODE_RACK("node.rack", ""),
    LISTEN_HOST("listen.host", ""),
    LISTEN_API_PORT("listen.api-port", "7400"),
    LISTEN_RAFT_PORT("listen.raft-port", "7401"),
    LISTEN_HTTP_PORT("listen.http-port", "7402"),
    CLUSTER_INITIAL_NODES("cluster.initial-nodes", "1@127.0.0.1:7400"),
    CLUSTER_NODE_DEAD_AFTER("cluster.node-dead-after", "5m"),
    CLUSTER_COPY_RATE("cluster.copy-rate", "64MiB"),
    RAFT_ELECTION_TIMEOUT_MIN("raft.election-timeout-min", "1500ms"),
    RAFT_ELECTION_TIMEOUT_MAX("raft.election-timeout-max", "2500ms"),
    RAFT_CHECKPOINT_ENTRIES("raft.checkpoint-entries", "20000"),
    RAFT_CHECKPOINT_INTERVAL("raft.checkpoint-interval", "60s"),
    RAFT_LOG_SEGMENT_SIZE("raft.log-segment-size", "1MiB"),
    RAFT_LOG_ENTRIES_KEPT("raft.log-entries-kept", "10000"),
    PARTITIONS_REST_AFTER("partitions.rest-after", "30s"),
    PARTITIONS_OPEN_MAX("partitions.open-max", "0"),
    STORAGE_SEGMENT_SIZE("storage.segment-size", "128MiB"),
    STORAGE_READER_THREADS("storage.payload-reader-threads", "4"),
    STORAGE_DISK_FREE_MIN("storage.disk-free-min", "256MiB"),
    STORAGE_SCRUB_INTERVAL("storage.scrub-interval", "168h"),
    STORAGE_SCRUB_RATE("storage.scrub-rate", "8MiB"),
    STORAGE_COMPACTION_MEMORY("storage.compaction-memory", "32MiB"),
    STORAGE_COMPACTION_LAG("storage.compaction-lag", "60s"),
    STORAGE_COMPACTION_RATE("storage.compaction-rate", "32MiB"),
    LIMITS_RECORD_SIZE("limits.record-size", "1MiB"),
    LIMITS_BATCH_SIZE("limits.batch-size", "2MiB"),
    LIMITS_READ_SIZE("limits.read-size", "4MiB"),
    LIMITS_PARTITION_IN_FLIGHT("limits.partition-in-flight", "16MiB"),
    LIMITS_NODE_IN_FLIGHT("limits.node-in-flight", "64MiB"),
    LIMITS_SCHEDULED_SIZE("limits.scheduled-size", "4GiB"),
    LIMITS_CONNECTIONS("limits.connections", "8000"),
    LIMITS_PARTITIONS_PER_TOPIC("limits.partitions-per-topic", "10000"),
    PRODUCERS_IDLE_EXPIRY("producers.idle-expiry", "24h"),
    PRODUCERS_NAMED_IDLE_EXPIRY("producers.named-idle-expiry", "720h"),
    PRODUCERS_PER_PARTITION("producers.per-partition", "10000"),
    SHUTDOWN_TIMEOUT("shutdown.timeout", "10s");

    private final String key;
    private final String defaultValue;

    Setting(String key, String defaultValue) {
        this.key = key;
        this.defaultValue = defaultValue;
    }

    public String key() {
        return key;
    }

    public String defaultValue() {
        return defaultValue;
    }

    /** {@code node.data-dir} is HOLDFAST_NODE_DATA_DIR in the environment. */
    public String environmentName() {
        return "HOLDFAST_" + name();
    }

    static @Nullable Setting ofKey(String key) {
        for (Setting setting : values()) {
            if (setting.key.equals(key)) {
                return setting;
            }
        }
        return null;
    }

    static Map<Setting, String> defaults() {
        Map<Setting, String> defaults = new LinkedHashMap<>();
        for (Setting setting : values()) {
            defaults.put(setting, setting.defaultValue);
        }
        return defaults;
    }
}
