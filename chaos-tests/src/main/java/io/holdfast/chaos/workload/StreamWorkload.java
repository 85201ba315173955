package io.holdfast.chaos.workload;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.util.Durations;
import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.TopicPartition;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;

/**
 * A stream group: a producer, and members who own partitions, come and go, and now and then are not heard of again. For
 * {@code StreamChecker}.
 */
public final class StreamWorkload extends Workload {
    private static final String TOPIC = "stream";
    /** Kept by the first partition of the topic below. */
    private static final String GROUP = "watchers";

    private static final String GROUPS_TOPIC = "__stream-groups";
    private static final int PARTITIONS = 4;
    private static final int MEMBERS = 3;
    private static final long SESSION_MS = 3000;
    private static final long PRODUCER_PAUSE_MS = 25;
    private static final long PAUSE_MS = 100;
    private static final Duration PATIENCE = Duration.ofMillis(200);
    private static final Duration FINAL_PATIENCE = Duration.ofSeconds(90);

    private final AtomicLong nextValue = new AtomicLong();
    private final AtomicLongArray published = new AtomicLongArray(PARTITIONS);
    private final AtomicLongArray taken = new AtomicLongArray(PARTITIONS);

    public StreamWorkload(Arena arena, Path folder, long beganNanos, long seed) throws IOException {
        super("stream", arena, folder, beganNanos, seed);
    }

    /** The groups' own: its leader watches over the sessions. */
    @Override
    public String topic() {
        return GROUPS_TOPIC;
    }

    @Override
    public void prepare() {
        createTopic(TOPIC, PARTITIONS);
        client().streamGroups()
                .create(
                        GROUP,
                        StreamConfig.newBuilder()
                                .setSessionTimeout(Durations.fromMillis(SESSION_MS))
                                .build());
    }

    @Override
    public void start() {
        startClient("producer", new Publisher());
        for (int m = 0; m < MEMBERS; m++) {
            startClient("member-" + m, new Member());
        }
    }

    private final class Publisher extends Writer {
        @Override
        public void take(Random random) {
            long value = nextValue.getAndIncrement();
            int partition = random.nextInt(PARTITIONS);
            byte[] bytes = Long.toString(value).getBytes(UTF_8);
            write(ProducerRecord.of(TOPIC, partition, null, bytes), "publish", value, at -> {
                published.accumulateAndGet(partition, at.offset() + 1, Math::max);
                return List.of(partition, at.offset());
            });
            pause(PRODUCER_PAUSE_MS);
        }
    }

    /** With a client of its own, so that it can go without a word. */
    private final class Member implements Step {
        private long process = history().newProcess();
        private HoldfastClient client = connect();
        private StreamConsumer consumer = join();

        private HoldfastClient connect() {
            return HoldfastClient.connect(
                    arena().nodes().stream().map(arena()::address).toList());
        }

        private StreamConsumer join() {
            return client.newStreamConsumer(StreamSettings.of(GROUP, TOPIC).withCommitEvery(Duration.ZERO));
        }

        @Override
        public void take(Random random) {
            int dice = random.nextInt(1000);
            if (dice == 0) {
                vanish();
            } else if (dice < 4) {
                leave();
                consumer = join();
            }
            history().invoke(process, "take", null);
            List<ReceivedRecord> records;
            try {
                records = consumer.poll(PATIENCE);
            } catch (HoldfastException e) {
                history().complete(process, Type.FAIL, "take", null, error(e));
                leave();
                consumer = join();
                pause(PAUSE_MS);
                return;
            }
            if (records.isEmpty()) {
                history().complete(process, Type.OK, "take", List.of());
                return;
            }
            int partition = records.get(0).partition();
            long epoch = Objects.requireNonNull(consumer.ownershipEpochs()
                    .get(TopicPartition.newBuilder()
                            .setTopic(TOPIC)
                            .setPartition(partition)
                            .build()));
            long last = records.get(records.size() - 1).offset();
            taken.accumulateAndGet(partition, last + 1, Math::max);
            history()
                    .complete(
                            process,
                            Type.OK,
                            "take",
                            List.of(List.of(partition, epoch, records.get(0).offset(), last)));
            if (random.nextInt(4) != 0) {
                commit(partition, epoch, last + 1);
            }
        }

        private void commit(int partition, long epoch, long offset) {
            List<Object> asked = List.of(partition, epoch, offset);
            history().invoke(process, "commit", asked);
            long began = System.nanoTime();
            try {
                consumer.commit();
                history().complete(process, Type.OK, "commit", asked);
                succeeded(began);
            } catch (HoldfastException e) {
                history().complete(process, Type.INFO, "commit", asked, error(e)); // others of it may be committed
                process = history().newProcess();
            }
        }

        private void leave() {
            try {
                consumer.close();
            } catch (HoldfastException e) {
                // The last commit did not get through.
            }
        }

        /** Its connections break, and it comes back as another. */
        private void vanish() {
            client.close();
            client = connect();
            consumer = join();
        }

        @Override
        public void close() {
            leave();
            client.close();
        }
    }

    /** One more member goes on until all is read that was acknowledged. */
    @Override
    public void readAll() {
        long deadline = System.nanoTime() + FINAL_PATIENCE.toNanos();
        try (Member last = new Member()) {
            while (!isAllTaken() && System.nanoTime() < deadline) {
                last.take(nothingRare());
            }
        }
    }

    private boolean isAllTaken() {
        for (int p = 0; p < PARTITIONS; p++) {
            if (taken.get(p) < published.get(p)) {
                return false;
            }
        }
        return true;
    }
}
