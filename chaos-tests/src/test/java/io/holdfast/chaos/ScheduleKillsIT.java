package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.RecordPosition;
import io.holdfast.v1.CancelScheduledResult;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Records are scheduled, and some cancelled, while nodes are killed, emptied and paused. Each that was acknowledged and not
 * cancelled must come once and not before its time; each whose cancelling was acknowledged, never.
 */
class ScheduleKillsIT {
    private static final String TOPIC = "alarms";
    private static final int PARTITIONS = 3;
    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());
    private static final int ROUNDS = Integer.getInteger("holdfast.rounds", 3);

    private enum Fate {
        SENT,
        KEPT,
        CANCELLED,
        TOO_LATE,
        MAYBE_CANCELLED
    }

    private final Map<String, Fate> fates = new ConcurrentHashMap<>();
    private final Map<String, Long> due = new ConcurrentHashMap<>();
    private final AtomicInteger kept = new AtomicInteger();
    private volatile boolean working = true;
    private volatile @Nullable Throwable broken;

    @Test
    @Timeout(400)
    void shouldDeliverEachOnceAndNotBeforeItsTimeWhateverHappens() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        Random random = new Random(SEED);
        try (TestCluster cluster = TestCluster.start(3, TestCluster.SMALL_LOGS);
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, PARTITIONS, 3);
            Thread publisher = new Thread(() -> guarded(() -> publish(client, new Random(SEED + 1))), "publisher");
            publisher.start();
            for (int round = 0; round < ROUNDS; round++) {
                awaitKept(200);
                int leader = cluster.leaderOf(client, TOPIC, random.nextInt(PARTITIONS));
                switch (round % 4) {
                    case 0 -> {
                        cluster.node(leader).kill();
                        awaitKept(100);
                        cluster.startAll();
                    }
                    case 1 -> { // it comes back with nothing, and copies checkpoints with schedules
                        int other = 1 + leader % 3;
                        cluster.node(other).kill();
                        LocalCluster.deleteTree(cluster.node(other).dataDirectory());
                        awaitKept(300);
                        cluster.restart(other);
                    }
                    case 2 -> {
                        for (int node = 1; node <= 3; node++) {
                            cluster.node(node).kill();
                        }
                        cluster.startAll();
                    }
                    default -> {
                        cluster.freeze(leader);
                        Thread.sleep(2_500 + random.nextInt(2_000));
                        cluster.goOn(leader);
                    }
                }
            }
            working = false;
            publisher.join(PATIENCE.toMillis());
            assertThat(publisher.isAlive()).isFalse();
            await("everything to come", () -> isEmpty(client));
            assertThat(broken).isNull();
            judge(client);
            cluster.passed();
        }
    }

    private void publish(HoldfastClient client, Random random) {
        List<RecordPosition> recent = new ArrayList<>();
        List<String> names = new ArrayList<>();
        try (Producer producer =
                client.newProducer(ProducerSettings.DEFAULT.withDeliveryTimeout(Duration.ofMinutes(3)))) {
            for (int i = 0; working; i++) {
                String name = "alarm-" + i;
                Instant at = Instant.now().plusMillis(200 + random.nextInt(random.nextInt(4) == 0 ? 8_000 : 3_000));
                fates.put(name, Fate.SENT);
                due.put(name, at.toEpochMilli());
                producer.send(ProducerRecord.of(TOPIC, name.getBytes(UTF_8), name.getBytes(UTF_8))
                                .withDeliverAt(at))
                        .thenAccept(position -> {
                            fates.put(name, Fate.KEPT);
                            kept.incrementAndGet();
                            synchronized (recent) {
                                recent.add(position);
                                names.add(name);
                            }
                        });
                if (i % 40 == 39) {
                    cancelSome(client, recent, names, random);
                }
                Thread.sleep(4);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void cancelSome(HoldfastClient client, List<RecordPosition> recent, List<String> names, Random random) {
        List<String> ids = new ArrayList<>();
        List<String> theirs = new ArrayList<>();
        synchronized (recent) {
            for (int i = 0; i < recent.size(); i++) {
                if (random.nextInt(8) == 0 && !recent.get(i).scheduleId().isEmpty()) {
                    ids.add(recent.get(i).scheduleId());
                    theirs.add(names.get(i));
                }
            }
            recent.clear();
            names.clear();
        }
        List<CancelScheduledResult> results;
        try {
            results = client.schedules().cancel(TOPIC, ids);
        } catch (HoldfastException e) {
            theirs.forEach(name -> fates.put(name, Fate.MAYBE_CANCELLED));
            return;
        }
        for (int i = 0; i < ids.size(); i++) {
            CancelScheduledResult result = results.get(i);
            fates.put(
                    theirs.get(i),
                    result.hasError() ? Fate.MAYBE_CANCELLED : result.getCancelled() ? Fate.CANCELLED : Fate.TOO_LATE);
        }
    }

    private void judge(HoldfastClient client) {
        Map<String, Integer> came = new ConcurrentHashMap<>();
        List<String> wrong = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of(TOPIC))) {
            reader.forEach(record -> {
                String name = new String(record.value(), UTF_8);
                came.merge(name, 1, Integer::sum);
                if (record.appendTimeMs() < due.get(name)) {
                    wrong.add(name + " came " + (due.get(name) - record.appendTimeMs()) + " ms early");
                }
            });
        }
        Map<Fate, Integer> counts = new ConcurrentHashMap<>();
        fates.forEach((name, fate) -> {
            int times = came.getOrDefault(name, 0);
            boolean right = switch (fate) {
                case KEPT, TOO_LATE -> times == 1;
                case CANCELLED -> times == 0;
                case SENT, MAYBE_CANCELLED -> times <= 1;
            };
            if (!right) {
                wrong.add(name + ", " + fate + ", came " + times + " times");
            }
            counts.merge(fate, 1, Integer::sum);
        });
        System.out.println("fates: " + counts);
        assertThat(wrong).isEmpty();
        assertThat(counts).containsKeys(Fate.KEPT, Fate.CANCELLED);
    }

    private void guarded(Runnable task) {
        try {
            task.run();
        } catch (RuntimeException | Error e) {
            broken = e;
        }
    }

    private static boolean isEmpty(HoldfastClient client) {
        try {
            return client.schedules().list(TOPIC, "", 1).getTotalRecords() == 0;
        } catch (HoldfastException e) {
            return false;
        }
    }

    private void awaitKept(int more) {
        int target = kept.get() + more;
        await(more + " more kept", () -> kept.get() >= target);
    }

    private void await(String what, BooleanSupplier condition) {
        TestCluster.await(what, PATIENCE, () -> broken != null || condition.getAsBoolean());
        assertThat(broken).isNull();
    }
}
