package io.holdfast.chaos.workload;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.util.Durations;
import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.Compaction;
import io.holdfast.v1.Start;
import io.holdfast.v1.TopicConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The latest value of each key, in a topic that is compacted all the time and grows: who writes keys over and over, and who
 * reads all there is from the start. For {@code TableChecker}.
 */
public final class TableWorkload extends Workload {
    private static final String TOPIC = "table";
    private static final int PARTITIONS = 2;
    private static final int PARTITIONS_MAX = 7;
    private static final int WRITERS = 2;
    private static final int KEYS_PER_WRITER = 8;
    private static final long WRITER_PAUSE_MS = 50;
    private static final long SCAN_PAUSE_MS = 1_500;
    private static final long GROWER_PAUSE_MS = 250;
    private static final int PAUSES_PER_GROWTH = 20;
    private static final Duration AFTER = Duration.ofSeconds(5);
    /** A longer one may miss what was written meanwhile. */
    private static final Duration SCAN_MAX = AFTER.minusSeconds(1);

    private static final Duration SCAN_PATIENCE = Duration.ofSeconds(60);
    private static final Duration POLL = Duration.ofMillis(100);

    private final AtomicLong nextKey = new AtomicLong();
    private final boolean clocksAreRight;

    /** @param clocksAreRight whether nodes know the time: else nobody can say what is young */
    public TableWorkload(Arena arena, Path folder, long beganNanos, long seed, boolean clocksAreRight)
            throws IOException {
        super("table", arena, folder, beganNanos, seed);
        this.clocksAreRight = clocksAreRight;
    }

    @Override
    public String topic() {
        return TOPIC;
    }

    @Override
    public void prepare() {
        createTopic(
                TOPIC,
                TopicConfig.newBuilder()
                        .setPartitions(PARTITIONS)
                        .setCompaction(Compaction.newBuilder()
                                .setAfter(Durations.fromMillis(AFTER.toMillis()))
                                .setWithin(Durations.fromSeconds(1))));
    }

    @Override
    public void start() {
        for (int w = 0; w < WRITERS; w++) {
            startClient("writer-" + w, new KeyWriter());
        }
        startClient("scanner", new Scanner());
        startClient("grower", new Grower());
    }

    /**
     * The values of a key rise. A key of which nobody knows whether its last value was written is not used again: it might
     * be, later.
     */
    private final class KeyWriter extends Writer {
        private final long[] keys = new long[KEYS_PER_WRITER];
        private final long[] values = new long[KEYS_PER_WRITER];

        KeyWriter() {
            for (int k = 0; k < keys.length; k++) {
                keys[k] = nextKey.getAndIncrement();
            }
        }

        @Override
        public void take(Random random) {
            int k = random.nextInt(keys.length);
            List<Long> put = List.of(keys[k], ++values[k]);
            long before = process();
            write(ProducerRecord.of(TOPIC, bytes(keys[k]), bytes(values[k])), "put", put, at -> put);
            if (process() != before) {
                keys[k] = nextKey.getAndIncrement();
                values[k] = 0;
            }
            pause(WRITER_PAUSE_MS);
        }
    }

    private static byte[] bytes(long number) {
        return Long.toString(number).getBytes(UTF_8);
    }

    /** A record without key or value is none that this wrote: there is no such number. */
    private static long number(byte @Nullable [] bytes) {
        return bytes == null ? -1 : Long.parseLong(new String(bytes, UTF_8));
    }

    /** Reads, as the leaders have it, everything that there is. */
    private final class Scanner implements Step {
        @Override
        public void take(Random random) {
            scan(
                    List.of(ReaderSettings.of(TOPIC).withMode(ReadMode.leader())),
                    clocksAreRight ? SCAN_MAX : Duration.ZERO);
            pause(SCAN_PAUSE_MS);
        }
    }

    private final class Grower implements Step {
        private int pauses;

        @Override
        public void take(Random random) {
            pause(GROWER_PAUSE_MS);
            if (++pauses % PAUSES_PER_GROWTH != 0) {
                return;
            }
            try {
                TopicConfig config = client().admin().getTopic(TOPIC).getConfig();
                if (config.getPartitions() < PARTITIONS_MAX) {
                    client().admin()
                            .updateTopic(
                                    TOPIC,
                                    config.toBuilder()
                                            .setPartitions(config.getPartitions() + 1)
                                            .build());
                }
            } catch (HoldfastException e) {
                pauses--; // with the next step again
            }
        }
    }

    /**
     * Reads to the ends that partitions have when their turn comes.
     *
     * @param parts read one after the other
     * @param longest if it takes longer it says nothing
     */
    private void scan(List<ReaderSettings> parts, Duration longest) {
        long process = history().newProcess();
        history().invoke(process, "scan", null);
        List<List<Long>> found = new ArrayList<>();
        long began = System.nanoTime();
        try {
            for (ReaderSettings part : parts) {
                try (Reader reader = client().newReader(part)) {
                    while (!reader.isFinished()) {
                        ReceivedRecord record = reader.poll(POLL);
                        if (record != null) {
                            found.add(List.of(number(record.key()), number(record.value())));
                        } else if (System.nanoTime() - began > SCAN_PATIENCE.toNanos()) {
                            history().complete(process, Type.FAIL, "scan", null);
                            return;
                        }
                    }
                }
            }
            boolean counts = System.nanoTime() - began < longest.toNanos();
            history().complete(process, counts ? Type.OK : Type.FAIL, "scan", counts ? found : null);
        } catch (HoldfastException e) {
            history().complete(process, Type.FAIL, "scan", null, error(e));
        }
    }

    /** The leaders' view, and that of each node, whose partitions come in the order in which they were made. */
    @Override
    public void readAll() {
        scan(List.of(ReaderSettings.of(TOPIC).withMode(ReadMode.leader())), SCAN_PATIENCE);
        int partitions = client().admin().getTopic(TOPIC).getConfig().getPartitions();
        List<Long> ends = client().admin()
                .lookupOffsets(
                        TOPIC, partitions, Start.newBuilder().setLatest(true).build());
        for (int replica = 0; replica < REPLICAS; replica++) {
            List<ReaderSettings> parts = new ArrayList<>();
            for (var route : client().admin().getRoutes(List.of(TOPIC)).getRoutesList()) {
                int partition = route.getPartition().getPartition();
                List<Integer> nodes = route.getReplicaNodesList();
                parts.add(ReaderSettings.of(TOPIC)
                        .withPartition(partition)
                        .withNode(arena().address(nodes.get(replica % nodes.size())))
                        .withMode(ReadMode.any())
                        .withUntil(Position.offset(ends.get(partition))));
            }
            scan(parts, SCAN_PATIENCE);
        }
    }
}
