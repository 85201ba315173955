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
import io.holdfast.client.RecordPosition;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Lists that are appended to, and read whole from the leader: whether a read sees all that was acknowledged before it began.
 * Its history has {@code txn} of one append or one read. A list is a stretch of a partition.
 */
public final class ListWorkload extends Workload {
    private static final String TOPIC = "lists";
    private static final int PARTITIONS = 2;
    private static final int CLIENTS = 3;
    private static final int APPENDS_PER_LIST = 60;
    private static final long PAUSE_MS = 60;
    private static final Duration READ_TIMEOUT = Duration.ofSeconds(5);

    private final List<Part> parts = new ArrayList<>();
    private final AtomicLong nextValue = new AtomicLong();

    /** A partition, and its list of now. Lists follow each other. */
    private static final class Part {
        final int partition;
        int list;
        int appends;
        long acknowledgedEnd;
        long listFrom;

        Part(int partition) {
            this.partition = partition;
        }

        synchronized void acknowledged(long offset) {
            acknowledgedEnd = Math.max(acknowledgedEnd, offset + 1);
        }

        /** The list to append to; begins another one if this is long enough. */
        synchronized Stretch forAppend() {
            if (++appends > APPENDS_PER_LIST) {
                appends = 1;
                list++;
                listFrom = acknowledgedEnd;
            }
            return now();
        }

        synchronized Stretch now() {
            return new Stretch(partition + ":" + list, listFrom);
        }
    }

    /**
     * A list.
     *
     * @param from offset before which nothing of it can be
     */
    private record Stretch(String key, long from) {}

    public ListWorkload(Arena arena, Path folder, long beganNanos, long seed) throws IOException {
        super("lists", arena, folder, beganNanos, seed);
        for (int p = 0; p < PARTITIONS; p++) {
            parts.add(new Part(p));
        }
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
        for (int c = 0; c < CLIENTS; c++) {
            startClient("client-" + c, new Lister());
        }
    }

    private final class Lister extends Writer {
        @Override
        public void take(Random random) {
            Part part = parts.get(random.nextInt(PARTITIONS));
            if (random.nextBoolean()) {
                append(part);
            } else {
                read(process(), part);
            }
            pause(PAUSE_MS);
        }

        private void append(Part part) {
            Stretch list = part.forAppend();
            long value = nextValue.getAndIncrement();
            List<Object> operation = List.of(List.of("append", list.key, value));
            byte[] bytes = Long.toString(value).getBytes(UTF_8);
            RecordPosition at = write(
                    ProducerRecord.of(TOPIC, part.partition, list.key.getBytes(UTF_8), bytes),
                    "txn",
                    operation,
                    position -> operation);
            if (at != null) {
                part.acknowledged(at.offset());
            }
        }
    }

    /** Reads a list. A read that fails has no effect, so its process goes on. */
    private void read(long process, Part part) {
        Stretch list = part.now();
        List<Object> asked = new ArrayList<>(List.of("r", list.key));
        asked.add(null);
        history().invoke(process, "txn", List.of(asked));
        List<Long> elements = new ArrayList<>();
        ReaderSettings settings = ReaderSettings.of(TOPIC)
                .withPartition(part.partition)
                .withFrom(Position.offset(list.from))
                .withMode(ReadMode.leader());
        long deadline = System.nanoTime() + READ_TIMEOUT.toNanos();
        try (Reader reader = client().newReader(settings)) {
            while (!reader.isFinished()) {
                if (System.nanoTime() > deadline) {
                    history().complete(process, Type.FAIL, "txn", List.of(asked));
                    return;
                }
                ReceivedRecord record = reader.poll(Duration.ofMillis(50));
                if (record != null && new String(record.key(), UTF_8).equals(list.key)) {
                    elements.add(Long.parseLong(new String(record.value(), UTF_8)));
                }
            }
            history().complete(process, Type.OK, "txn", List.of(List.of("r", list.key, elements)));
        } catch (HoldfastException e) {
            history().complete(process, Type.FAIL, "txn", List.of(asked));
            pause(ThreadLocalRandom.current().nextInt(100));
        }
    }

    @Override
    public void readAll() {
        long process = history().newProcess();
        for (Part part : parts) {
            read(process, part);
        }
    }
}
