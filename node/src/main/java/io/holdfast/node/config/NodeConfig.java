package io.holdfast.node.config;

import io.holdfast.consensus.raft.RaftSettings;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A node's settings, checked; immutable. What each means is written in deploy/holdfast.yaml.
 *
 * @param initialNodes node id to API address
 * @param values as given, for printing
 */
public record NodeConfig(
        int nodeId,
        Path dataDirectory,
        String host,
        String rack,
        String bindHost,
        int apiPort,
        int raftPort,
        int httpPort,
        Map<Integer, String> initialNodes,
        Duration nodeDeadAfter,
        long copyBytesPerSecond,
        RaftSettings raft,
        Duration checkpointInterval,
        Duration restAfter,
        int openMax,
        long segmentBytesMax,
        int payloadReaderThreads,
        long diskFreeBytesMin,
        Duration scrubInterval,
        long scrubBytesPerSecond,
        long compactionBytesMax,
        Duration compactionLag,
        long compactionBytesPerSecond,
        Limits limits,
        ProducerLimits producers,
        Duration shutdownTimeout,
        Map<Setting, String> values) {

    private static final int OPEN_MIN = 16;
    /** Open groups that a processor has time for; with 190, three nodes on two processors never ended an election. */
    private static final long OPEN_PER_PROCESSOR = 96;

    /** Bounds on what clients may ask for, bytes unless said. */
    public record Limits(
            int recordBytesMax,
            int batchBytesMax,
            int readBytesMax,
            long partitionBytesInFlightMax,
            long nodeBytesInFlightMax,
            long scheduledBytesMax,
            int connectionsMax,
            int partitionsPerTopicMax) {}

    /** When a partition forgets an idempotent producer. */
    public record ProducerLimits(Duration idleExpiry, Duration namedIdleExpiry, int perPartitionMax) {}

    static NodeConfig of(Map<Setting, String> values) {
        Reader read = new Reader(values);
        int nodeId = read.integer(Setting.NODE_ID, 1, 1 << 20);
        Map<Integer, String> initial = initialNodes(read.text(Setting.CLUSTER_INITIAL_NODES));
        int batchBytes = read.size(Setting.LIMITS_BATCH_SIZE, 64 << 10, 32 << 20);
        int recordBytes = read.size(Setting.LIMITS_RECORD_SIZE, 1 << 10, 32 << 20);
        if (recordBytes >= batchBytes) {
            throw new ConfigException(
                    "limits.record-size must be below limits.batch-size: a batch holds at least one record");
        }
        RaftSettings raft;
        try {
            raft = new RaftSettings(
                    read.duration(Setting.RAFT_ELECTION_TIMEOUT_MIN),
                    read.duration(Setting.RAFT_ELECTION_TIMEOUT_MAX),
                    batchBytes,
                    read.integer(Setting.RAFT_CHECKPOINT_ENTRIES, 1, Integer.MAX_VALUE),
                    read.longSize(Setting.RAFT_LOG_SEGMENT_SIZE),
                    read.integer(Setting.RAFT_LOG_ENTRIES_KEPT, 0, Integer.MAX_VALUE));
        } catch (IllegalArgumentException e) {
            throw new ConfigException("raft settings: " + e.getMessage());
        }
        String host = read.text(Setting.NODE_HOST);
        String bindHost = read.text(Setting.LISTEN_HOST);
        return new NodeConfig(
                nodeId,
                Path.of(read.text(Setting.NODE_DATA_DIR)),
                host,
                read.text(Setting.NODE_RACK),
                bindHost.isEmpty() ? host : bindHost,
                read.integer(Setting.LISTEN_API_PORT, 1, 65535),
                read.integer(Setting.LISTEN_RAFT_PORT, 1, 65535),
                read.integer(Setting.LISTEN_HTTP_PORT, 0, 65535),
                initial,
                read.duration(Setting.CLUSTER_NODE_DEAD_AFTER),
                read.size(Setting.CLUSTER_COPY_RATE, 1 << 20, Integer.MAX_VALUE),
                raft,
                read.duration(Setting.RAFT_CHECKPOINT_INTERVAL),
                read.duration(Setting.PARTITIONS_REST_AFTER),
                openMax(read.integer(Setting.PARTITIONS_OPEN_MAX, 0, 1 << 20), batchBytes),
                read.size(Setting.STORAGE_SEGMENT_SIZE, 64 << 10, 1 << 30),
                read.integer(Setting.STORAGE_READER_THREADS, 1, 1024),
                read.longSize(Setting.STORAGE_DISK_FREE_MIN),
                read.duration(Setting.STORAGE_SCRUB_INTERVAL),
                read.longSize(Setting.STORAGE_SCRUB_RATE),
                read.longSize(Setting.STORAGE_COMPACTION_MEMORY),
                read.duration(Setting.STORAGE_COMPACTION_LAG),
                read.longSize(Setting.STORAGE_COMPACTION_RATE),
                new Limits(
                        recordBytes,
                        batchBytes,
                        read.size(Setting.LIMITS_READ_SIZE, 64 << 10, 64 << 20),
                        read.longSize(Setting.LIMITS_PARTITION_IN_FLIGHT),
                        read.longSize(Setting.LIMITS_NODE_IN_FLIGHT),
                        read.longSize(Setting.LIMITS_SCHEDULED_SIZE),
                        read.integer(Setting.LIMITS_CONNECTIONS, 1, Integer.MAX_VALUE),
                        read.integer(Setting.LIMITS_PARTITIONS_PER_TOPIC, 1, 1 << 20)),
                new ProducerLimits(
                        read.duration(Setting.PRODUCERS_IDLE_EXPIRY),
                        read.duration(Setting.PRODUCERS_NAMED_IDLE_EXPIRY),
                        read.integer(Setting.PRODUCERS_PER_PARTITION, 1, Integer.MAX_VALUE)),
                read.duration(Setting.SHUTDOWN_TIMEOUT),
                Map.copyOf(values));
    }

    /** As configured; else as many as half of the direct memory has buffers for, and the processors time. */
    private static int openMax(int configured, int batchBytes) {
        if (configured > 0) {
            return configured;
        }
        long buffered = DirectMemory.max() / 2 / batchBytes;
        long served = OPEN_PER_PROCESSOR * Runtime.getRuntime().availableProcessors();
        return (int) Math.max(OPEN_MIN, Math.min(buffered, served));
    }

    public String apiAddress() {
        return host + ":" + apiPort;
    }

    public String raftAddress() {
        return host + ":" + raftPort;
    }

    private static Map<Integer, String> initialNodes(String text) {
        Map<Integer, String> nodes = new TreeMap<>();
        for (String item : List.of(text.split("\\s*,\\s*"))) {
            int at = item.indexOf('@');
            try {
                int id = Integer.parseInt(item.substring(0, Math.max(at, 0)));
                if (id < 1 || item.indexOf(':', at) < 0 || nodes.put(id, item.substring(at + 1)) != null) {
                    throw new NumberFormatException();
                }
            } catch (NumberFormatException e) {
                throw new ConfigException(
                        "cluster.initial-nodes: '" + item + "' is not of the form id@host:port, each id once");
            }
        }
        return nodes;
    }

    private record Reader(Map<Setting, String> values) {
        String text(Setting setting) {
            String value = values.get(setting);
            return value == null ? setting.defaultValue() : value.trim();
        }

        int integer(Setting setting, int min, int max) {
            return parse(setting, text -> {
                long n = Long.parseLong(text);
                if (n < min || n > max) {
                    throw new IllegalArgumentException("must be " + min + " to " + max + ", not " + n);
                }
                return (int) n;
            });
        }

        Duration duration(Setting setting) {
            return parse(setting, Units::duration);
        }

        long longSize(Setting setting) {
            return parse(setting, Units::bytes);
        }

        int size(Setting setting, int min, int max) {
            return parse(setting, text -> {
                long n = Units.bytes(text);
                if (n < min || n > max) {
                    throw new IllegalArgumentException("must be " + min + " to " + max + " bytes, not " + n);
                }
                return (int) n;
            });
        }

        private <T> T parse(Setting setting, Function<String, T> parser) {
            try {
                return parser.apply(text(setting));
            } catch (NumberFormatException e) {
                throw new ConfigException(setting.key() + ": '" + text(setting) + "' is not a number");
            } catch (IllegalArgumentException | ArithmeticException e) {
                throw new ConfigException(setting.key() + ": " + message(e));
            }
        }

        private static String message(RuntimeException e) {
            @Nullable String message = e.getMessage();
            return message == null ? e.toString() : message;
        }
    }
}
