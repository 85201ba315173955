package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.record.KeyHash;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.TopicPartition;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A stream group at work while nodes are killed, the leader of its shard among them, and members come, go, and stop
 * without a word. {@link StreamHistory} judges.
 */
class StreamKillsIT {
    private static final String TOPIC = "events";
    private static final String GROUP = "g";
    private static final int PARTITIONS = 6;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());
    private static final StreamConfig CONFIG = StreamConfig.newBuilder()
            .setSessionTimeout(com.google.protobuf.Duration.newBuilder().setSeconds(3))
            .build();

    private final StreamHistory history = new StreamHistory();
    private final AtomicLong acknowledged = new AtomicLong();
    private volatile boolean publishing = true;
    private volatile boolean consuming = true;
    private volatile @Nullable Throwable broken;

    /** A process of a user's, more or less: with a client of its own, so that it can go without a word. */
    private final class Member {
        final String name;
        final HoldfastClient client;
        final Thread thread;
        volatile boolean stopping;
        /** Gone without a word: what is under way is not counted. */
        volatile boolean silent;

        Member(TestCluster cluster, String name) {
            this.name = name;
            client = cluster.connect();
            thread = run(name, () -> {
                try {
                    work();
                } catch (HoldfastException e) {
                    if (!silent) {
                        throw e;
                    }
                }
            });
        }

        private void work() {
            StreamConsumer consumer = client.newStreamConsumer(
                    StreamSettings.of(GROUP, TOPIC).withConfig(CONFIG).withCommitEvery(Duration.ZERO));
            while (consuming && !stopping) {
                List<ReceivedRecord> records = consumer.poll(Duration.ofMillis(200));
                if (records.isEmpty()) {
                    continue;
                }
                TopicPartition partition = TopicPartition.newBuilder()
                        .setTopic(TOPIC)
                        .setPartition(records.get(0).partition())
                        .build();
                Long epoch = consumer.ownershipEpochs().get(partition);
                long began = System.nanoTime();
                if (silent || epoch == null) {
                    continue;
                }
                String place = TOPIC + "/" + partition.getPartition();
                for (ReceivedRecord record : records) {
                    history.read(place, epoch, record.offset(), name, began, System.nanoTime());
                    began = System.nanoTime();
                }
                commit(consumer, place, epoch, records.get(records.size() - 1).offset() + 1);
            }
            if (!silent) {
                consumer.close();
            }
            client.close();
        }

        private void commit(StreamConsumer consumer, String place, long epoch, long offset) {
            long began = System.nanoTime();
            try {
                consumer.commit();
                if (!silent) {
                    history.committed(place, epoch, offset, began, System.nanoTime());
                }
            } catch (HoldfastException e) {
                // It may come again.
            }
        }

        void leave() throws InterruptedException {
            stopping = true;
            thread.join(PATIENCE.toMillis());
        }

        /** Its connections break, and it is not heard of again. */
        void vanish() {
            silent = true;
            stopping = true;
            client.close();
        }
    }

    @Test
    @Timeout(300)
    void shouldHaveOneOwnerAtATimeWhoLeavesNothingOut() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        Random random = new Random(SEED);
        try (TestCluster cluster = TestCluster.start(3, TestCluster.SMALL_LOGS);
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, PARTITIONS, 3);
            Thread publisher = run("publisher", () -> publish(client));
            List<Member> members = new ArrayList<>();
            int names = 0;
            for (int i = 0; i < 3; i++) {
                members.add(new Member(cluster, "member-" + names++));
            }
            for (int round = 0; round < Integer.getInteger("holdfast.rounds", 3); round++) {
                awaitProgress(300);
                Member chosen = members.get(random.nextInt(members.size()));
                switch (round % 6) {
                    case 0 -> {
                        cluster.node(cluster.leaderOf(client, "__stream-groups", shard()))
                                .kill();
                        awaitProgress(200);
                        cluster.startAll();
                    }
                    case 1 -> {
                        members.remove(chosen);
                        chosen.vanish();
                    }
                    case 2, 4 -> members.add(new Member(cluster, "member-" + names++));
                    case 3 -> {
                        members.remove(chosen);
                        chosen.leave();
                    }
                    default -> {
                        for (int node = 1; node <= 3; node++) {
                            cluster.node(node).kill();
                        }
                        cluster.startAll();
                    }
                }
            }
            awaitProgress(200);
            publishing = false;
            publisher.join(PATIENCE.toMillis());
            Map<String, Long> ends = new HashMap<>();
            List<Long> offsets = client.admin()
                    .lookupOffsets(
                            TOPIC,
                            PARTITIONS,
                            Start.newBuilder().setLatest(true).build());
            for (int p = 0; p < PARTITIONS; p++) {
                ends.put(TOPIC + "/" + p, offsets.get(p));
            }
            TestCluster.await(
                    "all to be read",
                    PATIENCE,
                    () -> history.check(ends).stream().noneMatch(wrong -> wrong.contains("nobody read")));
            consuming = false;
            for (Member member : members) {
                member.thread.join(PATIENCE.toMillis());
            }
            assertThat(broken).isNull();
            assertThat(history.check(ends)).isEmpty();
            System.out.println(acknowledged + " records, read " + history.readCount() + " times by "
                    + history.ownershipCount() + " owners of " + PARTITIONS + " partitions; longest hand-over "
                    + history.longestHandOver() / 1_000_000 + " ms");
            cluster.passed();
        }
    }

    /** Which partition of the system topic holds the group. */
    private static int shard() {
        return KeyHash.partition(KeyHash.of(GROUP.getBytes(UTF_8)), 8);
    }

    private void publish(HoldfastClient client) {
        try (Producer producer =
                client.newProducer(ProducerSettings.DEFAULT.withDeliveryTimeout(Duration.ofMinutes(3)))) {
            for (int i = 0; publishing; i++) {
                byte[] id = ("event-" + i).getBytes(UTF_8);
                producer.send(ProducerRecord.of(TOPIC, id, id)).thenAccept(at -> acknowledged.incrementAndGet());
                try {
                    Thread.sleep(3);
                } catch (InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            }
        }
    }

    private Thread run(String name, Runnable task) {
        Thread thread = new Thread(
                () -> {
                    try {
                        task.run();
                    } catch (RuntimeException | Error e) {
                        if (consuming) {
                            broken = e;
                        }
                    }
                },
                name);
        thread.start();
        return thread;
    }

    private void awaitProgress(int records) {
        int target = history.readCount() + records;
        TestCluster.await(records + " more to be read", PATIENCE, () -> history.readCount() >= target);
    }
}
