package io.holdfast.chaos.workload;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.Start;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A log: idempotent producers, and a reader of each replica and one of the leader's. Its history has {@code send}, {@code
 * poll} and {@code assign}; a key is a partition.
 */
public final class LogWorkload extends Workload {
    private static final String TOPIC = "log";
    private static final int PARTITIONS = 3;
    private static final int SENDERS = 3;
    private static final long SENDER_PAUSE_MS = 25;
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration FINAL_PATIENCE = Duration.ofSeconds(90);
    private static final int RECORDS_PER_POLL = 200;

    private final AtomicLong nextValue = new AtomicLong();

    public LogWorkload(Arena arena, Path folder, long beganNanos, long seed) throws IOException {
        super("log", arena, folder, beganNanos, seed);
    }

    @Override
    public String topic() {
        return TOPIC;
    }

    @Override
    public void prepare() {
        createTopic(TOPIC, PARTITIONS);
    }

    @Override
    public void start() {
        for (int s = 0; s < SENDERS; s++) {
            startClient("sender-" + s, new Sender());
        }
        for (int node : arena().nodes()) {
            startClient("poller-" + node, new Poller(node % PARTITIONS, "n" + node, arena().address(node)));
        }
        startClient("poller-leader", new Poller(0, "leader", null));
    }

    private final class Sender extends Writer {
        @Override
        public void take(Random random) {
            int key = random.nextInt(PARTITIONS);
            long value = nextValue.getAndIncrement();
            write(
                    ProducerRecord.of(TOPIC, key, null, Long.toString(value).getBytes(UTF_8)),
                    "send",
                    List.of(List.of("send", key, value)),
                    at -> List.of(List.of("send", key, List.of(at.offset(), value))));
            pause(SENDER_PAUSE_MS);
        }
    }

    /** Follows a partition; when it breaks goes on where it was, and at times from the start of the next one. */
    private final class Poller implements Step {
        private final String node;
        private final @Nullable String address;
        private final long process = history().newProcess();
        private int key;
        private long next;
        private @Nullable Reader reader;

        /** @param address null for wherever the leader is */
        Poller(int key, String node, @Nullable String address) {
            this.key = key;
            this.node = node;
            this.address = address;
            assign();
        }

        private void assign() {
            history().invoke(process, "assign", List.of(key));
            history().complete(process, Type.OK, "assign", List.of(key));
        }

        @Override
        public void take(Random random) {
            Reader from = reader;
            if (from == null) {
                from = open();
                reader = from;
            }
            history().invoke(process, "poll", List.of(List.of("poll")));
            List<List<Long>> records = new ArrayList<>();
            try {
                ReceivedRecord record = from.poll(POLL);
                while (record != null) {
                    records.add(List.of(record.offset(), value(record)));
                    next = record.offset() + 1;
                    record = records.size() < RECORDS_PER_POLL ? from.poll(Duration.ZERO) : null;
                }
                complete(Type.OK, records);
            } catch (HoldfastException e) {
                complete(records.isEmpty() ? Type.FAIL : Type.OK, records);
                from.close();
                reader = null;
                pause(100);
                if (random.nextInt(3) == 0) {
                    key = (key + 1) % PARTITIONS;
                    next = 0;
                    assign();
                }
            }
        }

        private Reader open() {
            ReaderSettings settings = ReaderSettings.of(TOPIC)
                    .withPartition(key)
                    .withFrom(Position.offset(next))
                    .withFollow(true)
                    .withMode(address == null ? ReadMode.leader() : ReadMode.any());
            return client().newReader(address == null ? settings : settings.withNode(address));
        }

        private void complete(Type type, List<List<Long>> records) {
            Map<String, ?> polled = records.isEmpty() ? Map.of() : Map.of(Integer.toString(key), records);
            history().complete(process, type, "poll", List.of(List.of("poll", polled)), Map.of("node", node));
        }

        @Override
        public void close() {
            if (reader != null) {
                reader.close();
            }
        }
    }

    private static long value(ReceivedRecord record) {
        return Long.parseLong(new String(record.value(), UTF_8));
    }

    @Override
    public void readAll() {
        List<Long> ends = client().admin()
                .lookupOffsets(
                        TOPIC, PARTITIONS, Start.newBuilder().setLatest(true).build());
        for (var route : client().admin().getRoutes(List.of(TOPIC)).getRoutesList()) {
            int key = route.getPartition().getPartition();
            for (int node : route.getReplicaNodesList()) {
                readAll(node, key, ends.get(key));
            }
        }
    }

    private void readAll(int node, int key, long end) {
        long process = history().newProcess();
        Map<String, Object> closing = Map.of("node", "n" + node, "final", true);
        Map<String, Object> assigning = Map.of("node", "n" + node, "final", true, "seek-to-beginning?", true);
        history().invoke(process, "assign", List.of(key), assigning);
        history().complete(process, Type.OK, "assign", List.of(key), assigning);
        ReaderSettings settings = ReaderSettings.of(TOPIC)
                .withPartition(key)
                .withNode(arena().address(node))
                .withMode(ReadMode.any())
                .withUntil(Position.offset(end));
        long deadline = System.nanoTime() + FINAL_PATIENCE.toNanos();
        try (Reader reader = client().newReader(settings)) {
            while (!reader.isFinished() && System.nanoTime() < deadline) {
                List<List<Long>> records = new ArrayList<>();
                history().invoke(process, "poll", List.of(List.of("poll")), closing);
                ReceivedRecord record = reader.poll(POLL);
                while (record != null) {
                    records.add(List.of(record.offset(), value(record)));
                    record = records.size() < RECORDS_PER_POLL ? reader.poll(Duration.ZERO) : null;
                }
                Map<String, ?> polled = records.isEmpty() ? Map.of() : Map.of(Integer.toString(key), records);
                history().complete(process, Type.OK, "poll", List.of(List.of("poll", polled)), closing);
            }
        } catch (HoldfastException e) {
            history().complete(process, Type.FAIL, "poll", List.of(List.of("poll")), closing);
        }
    }
}
