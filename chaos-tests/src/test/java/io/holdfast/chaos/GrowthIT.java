package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import io.grpc.StatusRuntimeException;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.QueueLeases;
import io.holdfast.client.QueueLeases.Leased;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.Record;
import io.holdfast.v1.TopicConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Topics get more partitions while they are written and read, and every reader still gets each key's records in order. */
@Timeout(180)
class GrowthIT extends SharedCluster {
    private static final int KEYS = 60;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());

    @BeforeAll
    static void start() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        share(TestCluster.SMALL_LOGS);
    }

    private static void grow(String topic, int partitions) {
        TopicConfig config = client.admin().getTopic(topic).getConfig();
        client.admin()
                .updateTopic(topic, config.toBuilder().setPartitions(partitions).build());
    }

    /** What was seen of each key: numbers that count up from 0, each for the first time in this order. */
    private static final class Seen {
        private final Map<String, Integer> next = new ConcurrentHashMap<>();
        private final List<String> wrong = new ArrayList<>();
        private final AtomicInteger first = new AtomicInteger();

        synchronized void see(byte @Nullable [] key, byte[] value, boolean mayComeAgain) {
            String name = new String(Objects.requireNonNull(key), UTF_8);
            int number = Integer.parseInt(new String(value, UTF_8));
            int expected = next.getOrDefault(name, 0);
            if (number == expected) {
                next.put(name, expected + 1);
                first.incrementAndGet();
            } else if (number > expected || !mayComeAgain) {
                wrong.add(name + ": " + number + " instead of " + expected);
            }
        }

        int count() {
            return first.get();
        }
    }

    /** Counts up for keys at random; every record acknowledged before it stops. */
    private static final class Counting implements AutoCloseable {
        private final Map<String, Integer> next = new HashMap<>();
        private final AtomicInteger acknowledged = new AtomicInteger();
        private final List<Throwable> failures = new ArrayList<>();
        private final Thread thread;
        private volatile boolean stopping;
        private int sent;

        /** @param pace records between short pauses */
        Counting(String topic, ProducerSettings settings, int pace) {
            thread = new Thread(() -> run(topic, settings, pace), "counting");
            thread.start();
        }

        private void run(String topic, ProducerSettings settings, int pace) {
            Random random = new Random(SEED);
            try (Producer producer = client.newProducer(settings.withDeliveryTimeout(PATIENCE))) {
                while (!stopping) {
                    String key = "key-" + random.nextInt(KEYS);
                    int number = next.merge(key, 1, Integer::sum) - 1;
                    byte[] value = Integer.toString(number).getBytes(UTF_8);
                    sent++;
                    producer.send(ProducerRecord.of(topic, key.getBytes(UTF_8), value))
                            .whenComplete((at, failure) -> {
                                if (failure == null) {
                                    acknowledged.incrementAndGet();
                                } else {
                                    synchronized (failures) {
                                        failures.add(failure);
                                    }
                                }
                            });
                    if (random.nextInt(pace) == 0) {
                        TimeUnit.MILLISECONDS.sleep(5);
                    }
                }
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
        }

        private int failures() {
            synchronized (failures) {
                return failures.size();
            }
        }

        void awaitMore(int records) {
            int target = acknowledged.get() + records;
            TestCluster.await(records + " more", PATIENCE, () -> acknowledged.get() >= target);
        }

        @Override
        public void close() throws InterruptedException {
            stopping = true;
            thread.join(PATIENCE.toMillis());
            assertThat(thread.isAlive()).isFalse();
            // A future's own callbacks may still run when the producer has seen it complete.
            TestCluster.await("all to be answered", PATIENCE, () -> acknowledged.get() + failures() == sent);
            assertThat(failures).isEmpty();
        }
    }

    @Test
    void shouldKeepTheOrderOfKeysForReaders() throws Exception {
        client.admin().createTopic("grows", 2, 3);
        Seen live = new Seen();
        int sent;
        try (Reader reader = client.newReader(ReaderSettings.of("grows").withFollow(true))) {
            Counting counting = new Counting("grows", ProducerSettings.DEFAULT, 20);
            try (counting) {
                for (int partitions : List.of(3, 5, 11)) {
                    counting.awaitMore(1500);
                    if (partitions == 5) { // who splits dies, perhaps in the middle of it
                        CompletableFuture<Void> growth = CompletableFuture.runAsync(() -> grow("grows", partitions));
                        int leader = cluster.leaderOf(client, "grows", 0);
                        cluster.node(leader).kill();
                        growth.join();
                        cluster.restart(leader);
                    } else {
                        grow("grows", partitions);
                    }
                    counting.awaitMore(1500);
                }
            }
            sent = counting.sent;
            TestCluster.await("all to be read", PATIENCE, () -> {
                ReceivedRecord record;
                while ((record = reader.poll(Duration.ofMillis(10))) != null) {
                    live.see(record.key(), record.value(), false);
                }
                return live.count() >= sent;
            });
        }
        assertThat(live.wrong).isEmpty();
        Seen later = new Seen();
        try (Reader reader = client.newReader(ReaderSettings.of("grows"))) {
            reader.forEach(record -> later.see(record.key(), record.value(), false));
        }
        assertThat(later.wrong).isEmpty();
        assertThat(later.count()).isEqualTo(sent);
        List<Long> ends = client.admin()
                .lookupOffsets(
                        "grows",
                        11,
                        io.holdfast.v1.Start.newBuilder().setLatest(true).build());
        assertThat(ends).as("all partitions take part").allMatch(end -> end > 0);
        System.out.println(sent + " records, partitions end at " + ends);
    }

    /** One group reads while the topic grows, another begins when it has, with everything still to read. */
    @Test
    void shouldKeepTheOrderOfKeysForStreamGroups() throws Exception {
        client.admin().createTopic("flows", 2, 3);
        Counting counting = new Counting("flows", ProducerSettings.DEFAULT, 20);
        try (StreamReaders live = new StreamReaders("flow-readers", "flows")) {
            try (counting) {
                for (int partitions : List.of(3, 6)) {
                    counting.awaitMore(1000);
                    grow("flows", partitions);
                    counting.awaitMore(1000);
                }
            }
            live.awaitAll(counting.sent);
        }
        try (StreamReaders later = new StreamReaders("later-readers", "flows")) {
            later.awaitAll(counting.sent);
        }
        assertThat(client.streamGroups().describe("flow-readers").getPartitionsList())
                .as("every partition is read by somebody")
                .hasSize(6)
                .allMatch(partition -> partition.getCommitted() > 0);
    }

    /** Three members. */
    private static final class StreamReaders implements AutoCloseable {
        private final Seen seen = new Seen();
        private final List<Thread> members = new ArrayList<>();
        private volatile boolean stopping;

        StreamReaders(String group, String topic) {
            for (int m = 0; m < 3; m++) {
                Thread member = new Thread(() -> run(group, topic), group + "-" + m);
                member.start();
                members.add(member);
            }
        }

        private void run(String group, String topic) {
            StreamSettings settings = StreamSettings.of(group, topic).withCommitEvery(Duration.ofMillis(200));
            try (StreamConsumer consumer = client.newStreamConsumer(settings)) {
                while (!stopping) {
                    for (ReceivedRecord record : consumer.poll(Duration.ofMillis(100))) {
                        seen.see(record.key(), record.value(), true);
                    }
                }
            }
        }

        void awaitAll(int records) {
            TestCluster.await("all to be read", PATIENCE, () -> seen.count() >= records || !seen.wrong.isEmpty());
            assertThat(seen.wrong).isEmpty();
        }

        @Override
        public void close() throws InterruptedException {
            stopping = true;
            for (Thread member : members) {
                member.join(PATIENCE.toMillis());
            }
        }
    }

    /** Order is not promised then, but each record is stored, and here once, since no connection breaks. */
    @Test
    void shouldLoseNothingOfWhoDoesWithoutSequences() throws Exception {
        client.admin().createTopic("loose", 1, 3);
        Counting counting = new Counting("loose", ProducerSettings.DEFAULT.withIdempotent(false), 20);
        try (counting) {
            for (int partitions : List.of(2, 4)) {
                counting.awaitMore(1000);
                grow("loose", partitions);
                counting.awaitMore(1000);
            }
        }
        Map<String, Integer> records = new HashMap<>();
        try (Reader reader = client.newReader(ReaderSettings.of("loose"))) {
            reader.forEach(
                    record -> records.merge(new String(Objects.requireNonNull(record.key()), UTF_8), 1, Integer::sum));
        }
        assertThat(records).isEqualTo(counting.next);
    }

    @Test
    void shouldKeepTheOrderOfKeysForQueueGroups() throws Exception {
        client.admin().createTopic("jobs", 1, 3);
        client.queues()
                .create(
                        "jobs",
                        "workers",
                        QueueConfig.newBuilder()
                                .setOrder(QueueOrder.QUEUE_ORDER_KEYED)
                                .setLease(Durations.fromSeconds(30))
                                .build());
        Counting counting = new Counting("jobs", ProducerSettings.DEFAULT, 2);
        try (counting) {
            counting.awaitMore(500);
            grow("jobs", 3);
            counting.awaitMore(500);
        }
        QueueLeases leases = client.queueLeases("jobs", "workers", "m");
        Seen seen = new Seen();
        TestCluster.await("all to be handed out", PATIENCE, () -> {
            for (Leased leased : leases.poll(50, Duration.ofMillis(500), null)) {
                seen.see(leased.record().key(), leased.record().value(), false);
                leases.settle(
                        leased.record().partition(),
                        leased.record().offset(),
                        leased.leaseId(),
                        Outcome.OUTCOME_ACCEPT,
                        null,
                        "");
            }
            return seen.count() >= counting.sent;
        });
        assertThat(seen.wrong).isEmpty();
    }

    /** For a client without retries of its own: the node that it talks to chooses partitions, and chooses anew. */
    @Test
    void shouldPlaceSingleRecordsByTheKeysOfTheMoment() {
        client.admin().createTopic("singles", 1, 3);
        var node = LogServiceGrpc.newBlockingStub(cluster.channel(2)).withDeadlineAfter(60, TimeUnit.SECONDS);
        CompletableFuture<Void> growth = new CompletableFuture<>();
        for (int i = 0; i < 600; i++) {
            PublishRequest.Builder request = PublishRequest.newBuilder().setTopic("singles");
            for (int k = 0; k < 8; k++) {
                request.addRecords(Record.newBuilder()
                        .setKey(ByteString.copyFromUtf8("key-" + k))
                        .setValue(ByteString.copyFromUtf8(Integer.toString(i))));
            }
            for (PublishResult result : node.publish(request.build()).getResultsList()) {
                assertThat(result.hasError()).as("%s", result).isFalse();
            }
            if (i == 200) {
                growth = CompletableFuture.runAsync(() -> grow("singles", 4));
            }
        }
        growth.join();
        Seen seen = new Seen();
        try (Reader reader = client.newReader(ReaderSettings.of("singles"))) {
            reader.forEach(record -> seen.see(record.key(), record.value(), false));
        }
        assertThat(seen.wrong).isEmpty();
        assertThat(seen.count()).isEqualTo(600 * 8);
    }

    @Test
    void shouldRefuseWhatWasPlacedByOldKeysAndNothingElse() {
        client.admin().createTopic("strict", 1, 3);
        int leader = cluster.leaderOf(client, "strict", 0);
        var stub = LogServiceGrpc.newBlockingStub(cluster.channel(leader)).withDeadlineAfter(30, TimeUnit.SECONDS);
        PublishRequest toZero = PublishRequest.newBuilder()
                .setTopic("strict")
                .setPartition(0)
                .addRecords(Record.newBuilder().setValue(ByteString.copyFromUtf8("x")))
                .build();
        PublishRequest byOldKeys = toZero.toBuilder().setKeysVersion(0).build();
        stub.publish(byOldKeys);
        grow("strict", 2);

        assertThatThrownBy(() -> stub.publish(byOldKeys))
                .isInstanceOf(StatusRuntimeException.class)
                .satisfies(e -> {
                    HoldfastException refusal = HoldfastException.of(e);
                    assertThat(refusal.reason()).isEqualTo(ErrorReason.ERROR_REASON_KEYS_MOVED);
                    assertThat(refusal.outcome()).isEqualTo(io.holdfast.v1.WriteOutcome.WRITE_OUTCOME_NOT_APPLIED);
                });
        stub.publish(toZero); // who names a partition and no version may put there what he likes
        long now = client.admin().getRoutes(List.of("strict")).getRoutes(0).getKeysVersion();
        stub.publish(byOldKeys.toBuilder().setKeysVersion(now).build());
    }

    @Test
    void shouldSayWhatCannotBe() {
        client.admin().createTopic("shrinks", 3, 3);
        assertThatThrownBy(() -> grow("shrinks", 2)).hasMessageContaining("never has fewer");
        client.admin()
                .createTopic(
                        "knows-ids",
                        TopicConfig.newBuilder()
                                .setPartitions(1)
                                .setReplicas(3)
                                .setDedupWindow(Durations.fromSeconds(60))
                                .build());
        assertThatThrownBy(() -> grow("knows-ids", 2)).hasMessageContaining("message ids");
        assertThat(client.admin().getTopic("knows-ids").getConfig().getPartitions())
                .isEqualTo(1);
    }
}
