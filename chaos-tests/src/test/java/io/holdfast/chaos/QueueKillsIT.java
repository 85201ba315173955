package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Duration;
import io.holdfast.chaos.QueueHistory.Ending;
import io.holdfast.chaos.QueueHistory.Wish;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.QueueConsumer;
import io.holdfast.client.QueueDelivery;
import io.holdfast.client.QueueSettings;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.WriteOutcome;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * A queue group at work while its nodes are killed and paused: members accept, fail, reject, let leases run out and
 * settle late. {@link QueueHistory} judges.
 */
@Tag("slow")
class QueueKillsIT {
    private static final String TOPIC = "jobs";
    private static final String GROUP = "g";
    private static final int PARTITIONS = 3;
    private static final int MEMBERS = 8;
    private static final java.time.Duration PATIENCE = java.time.Duration.ofSeconds(60);
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());

    private final QueueHistory history = new QueueHistory();
    private final Set<String> published = ConcurrentHashMap.newKeySet();
    private volatile boolean publishing = true;
    private volatile boolean consuming = true;
    private volatile @Nullable Throwable broken;

    @Test
    @Timeout(400)
    void shouldLeaseEachRecordToOneAtATimeAndEndItOnceWhateverHappens() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        Random random = new Random(SEED);
        try (TestCluster cluster = TestCluster.start(3, TestCluster.SMALL_LOGS);
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, PARTITIONS, 3);
            client.queues()
                    .create(
                            TOPIC,
                            GROUP,
                            QueueConfig.newBuilder()
                                    .setLease(millis(1500))
                                    .setRetryDelay(millis(50))
                                    .setRetryDelayMax(millis(400))
                                    .setFailuresMax(4)
                                    .build());
            List<Thread> threads = new ArrayList<>();
            threads.add(run("publisher", () -> publish(client)));
            for (int m = 0; m < MEMBERS; m++) {
                Random own = new Random(SEED + m);
                String member = "member-" + m;
                threads.add(run(member, () -> consume(client, member, own)));
            }
            for (int round = 0; round < Integer.getInteger("holdfast.rounds", 4); round++) {
                awaitProgress(client, 150);
                int leader = cluster.leaderOf(client, TOPIC, random.nextInt(PARTITIONS));
                switch (round % 4) {
                    case 0, 2 -> {
                        cluster.node(leader).kill();
                        awaitProgress(client, 50);
                        cluster.startAll();
                    }
                    case 1 -> {
                        cluster.freeze(leader);
                        Thread.sleep(2500 + random.nextInt(2000));
                        cluster.goOn(leader);
                    }
                    default -> {
                        for (int node = 1; node <= 3; node++) {
                            cluster.node(node).kill();
                        }
                        cluster.startAll();
                    }
                }
            }
            publishing = false;
            await(client, "all to be settled", () -> isSettled(client));
            consuming = false;
            for (Thread thread : threads) {
                thread.join(PATIENCE.toMillis());
                assertThat(thread.isAlive()).as(thread.getName()).isFalse();
            }
            assertThat(broken).isNull();
            List<String> dead = new ArrayList<>();
            try (Reader reader = client.newReader(ReaderSettings.of(TOPIC + "." + GROUP + ".dlq"))) {
                reader.forEach(record -> dead.add(new String(record.value(), UTF_8)));
            }
            assertThat(history.check(published, dead)).isEmpty();
            assertThat(dead).isNotEmpty();
            System.out.println(published.size() + " records in " + history.deliveryCount() + " deliveries, "
                    + history.done().size() + " done, " + dead.size() + " dead");
            cluster.passed();
        }
    }

    private Thread run(String name, Runnable task) {
        Thread thread = new Thread(
                () -> {
                    try {
                        task.run();
                    } catch (RuntimeException | Error e) {
                        broken = e;
                    }
                },
                name);
        thread.start();
        return thread;
    }

    private static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(e);
        }
    }

    private void publish(HoldfastClient client) {
        try (Producer producer =
                client.newProducer(ProducerSettings.DEFAULT.withDeliveryTimeout(java.time.Duration.ofMinutes(3)))) {
            for (int i = 0; publishing; i++) {
                String id = "job-" + i;
                producer.send(ProducerRecord.of(TOPIC, id.getBytes(UTF_8), id.getBytes(UTF_8)))
                        .thenAccept(at -> published.add(id));
                pause(12);
            }
        }
    }

    private void consume(HoldfastClient client, String member, Random random) {
        try (QueueConsumer consumer = client.newQueueConsumer(
                QueueSettings.of(TOPIC, GROUP).withMember(member).withPrefetch(5))) {
            while (consuming) {
                QueueDelivery delivery = consumer.poll(java.time.Duration.ofMillis(100));
                if (delivery != null) {
                    work(delivery, member, random);
                }
            }
        }
    }

    private void work(QueueDelivery delivery, String member, Random random) {
        String record = new String(delivery.record().value(), UTF_8);
        history.delivered(record, delivery.leaseId(), delivery.deliveryCount(), member, System.nanoTime());
        int number = Integer.parseInt(record.substring(4));
        int dice = random.nextInt(100);
        if (dice == 2 && random.nextInt(3) == 0) {
            pause(2000 + random.nextInt(1000)); // too late, maybe
        }
        if (dice == 3) {
            return; // forgotten
        }
        long began = System.nanoTime();
        Wish wish = number % 25 == 0 ? Wish.DEAD : dice < 15 ? Wish.AGAIN : Wish.DONE;
        var result = switch (wish) {
            case DEAD -> delivery.reject("every 25th");
            case AGAIN -> dice < 8 ? delivery.release() : delivery.retry(null, "bad luck");
            case DONE -> delivery.accept();
        };
        Ending ending;
        try {
            result.join();
            ending = Ending.ACCEPTED;
        } catch (CompletionException e) {
            ending = e.getCause() instanceof HoldfastException refusal
                            && refusal.outcome() == WriteOutcome.WRITE_OUTCOME_NOT_APPLIED
                    ? Ending.REFUSED
                    : Ending.UNKNOWN;
        }
        history.settled(record, delivery.leaseId(), wish, ending, began, System.nanoTime());
    }

    private void awaitProgress(HoldfastClient client, int records) {
        int target = history.done().size() + records;
        await(client, records + " more done", () -> history.done().size() >= target);
    }

    /** Says where the group stands if that was in vain. */
    private static void await(HoldfastClient client, String what, BooleanSupplier condition) {
        try {
            TestCluster.await(what, PATIENCE, condition);
        } catch (AssertionError e) {
            throw new AssertionError(
                    e.getMessage() + "; the group: " + client.queues().describe(TOPIC, GROUP), e);
        }
    }

    private static boolean isSettled(HoldfastClient client) {
        for (QueuePartition partition : client.queues().describe(TOPIC, GROUP).getPartitionsList()) {
            if (partition.hasError() || partition.getFloor() != partition.getEnd()) {
                return false;
            }
        }
        return true;
    }

    private static Duration millis(int millis) {
        return Duration.newBuilder()
                .setSeconds(millis / 1000)
                .setNanos(millis % 1000 * 1_000_000)
                .build();
    }
}
