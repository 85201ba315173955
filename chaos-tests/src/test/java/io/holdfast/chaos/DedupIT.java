package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.util.Durations;
import io.holdfast.cli.local.LocalCluster;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.RecordPosition;
import io.holdfast.record.Compression;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.PublishRequest;
import io.holdfast.v1.PublishResult;
import io.holdfast.v1.Record;
import io.holdfast.v1.TopicConfig;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Message ids: whoever sends a record again, and however it got lost, it is stored once. Logs are small here. */
@Timeout(180)
class DedupIT extends SharedCluster {
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());

    @BeforeAll
    static void start() throws Exception {
        share(TestCluster.SMALL_LOGS);
    }

    private static void create(String topic, int partitions, Duration window) {
        client.admin()
                .createTopic(
                        topic,
                        TopicConfig.newBuilder()
                                .setPartitions(partitions)
                                .setReplicas(3)
                                .setDedupWindow(Durations.fromMillis(window.toMillis()))
                                .build());
    }

    private static ProducerRecord record(String topic, String id) {
        return ProducerRecord.of(topic, null, id.getBytes(UTF_8)).withMessageId(id);
    }

    private static PublishResult publish(int node, String topic, Record record) {
        return LogServiceGrpc.newBlockingStub(cluster.channel(node))
                .withDeadlineAfter(30, TimeUnit.SECONDS)
                .publish(PublishRequest.newBuilder()
                        .setTopic(topic)
                        .addRecords(record)
                        .build())
                .getResults(0);
    }

    private static Record.Builder plain(String id) {
        return Record.newBuilder().setValue(ByteString.copyFromUtf8(id)).setMessageId(id);
    }

    private static List<String> values(String topic) {
        List<String> values = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of(topic))) {
            reader.forEach(record -> values.add(new String(record.value(), UTF_8)));
        }
        return values;
    }

    @Test
    void shouldStoreARecordOnceWhoeverSendsItAndSayWhereItIs() {
        create("orders", 4, Duration.ofMinutes(2));
        PublishResult first = publish(1, "orders", plain("order-7").build());
        PublishResult second = publish(2, "orders", plain("order-7").build());
        assertThat(first.getDuplicate()).isFalse();
        assertThat(second.getDuplicate()).isTrue();
        assertThat(second.getPartition()).isEqualTo(first.getPartition());
        assertThat(second.getOffset()).isEqualTo(first.getOffset());

        try (Producer producer = client.newProducer(ProducerSettings.DEFAULT.withCompression(Compression.LZ4))) {
            RecordPosition third = producer.send(record("orders", "order-7")).join();
            assertThat(third.duplicate()).isTrue();
            assertThat(third.partition()).isEqualTo(first.getPartition());
            assertThat(third.offset()).isEqualTo(first.getOffset());

            List<CompletableFuture<RecordPosition>> sent = new ArrayList<>();
            for (int i = 0; i < 300; i++) { // in batches, each id three times, some known before
                sent.add(producer.send(record("orders", "order-" + i / 3)));
                sent.add(producer.send(ProducerRecord.of("orders", null, "anonymous".getBytes(UTF_8))));
            }
            Map<String, Long> offsets = new HashMap<>();
            for (int i = 0; i < 300; i++) {
                RecordPosition at = sent.get(2 * i).join();
                Long before = offsets.putIfAbsent("order-" + i / 3, at.offset());
                assertThat(before == null ? at.offset() : before).isEqualTo(at.offset());
                assertThat(at.duplicate()).isEqualTo(i % 3 > 0 || i / 3 == 7);
                assertThat(sent.get(2 * i + 1).join().duplicate()).isFalse();
            }
        }
        List<String> values = values("orders");
        assertThat(values.stream().filter("anonymous"::equals)).hasSize(300);
        values.removeIf("anonymous"::equals);
        assertThat(values).doesNotHaveDuplicates().hasSize(100);
    }

    @Test
    void shouldForgetIdsAfterTheWindowAndOnlyLookAtThemWhereThereIsOne() throws Exception {
        create("short", 1, Duration.ofSeconds(2));
        assertThat(publish(1, "short", plain("a").build()).getDuplicate()).isFalse();
        assertThat(publish(1, "short", plain("a").build()).getDuplicate()).isTrue();
        Thread.sleep(2_100);
        assertThat(publish(1, "short", plain("a").build()).getOffset()).isEqualTo(1);
        assertThat(values("short")).containsExactly("a", "a");

        client.admin().createTopic("careless", 1, 3);
        publish(1, "careless", plain("a").build());
        assertThat(publish(1, "careless", plain("a").build()).getDuplicate()).isFalse();
    }

    @Test
    void shouldKnowTheIdsOfRecordsThatAreKeptForLater() {
        create("planned", 1, Duration.ofMinutes(2));
        Instant due = Instant.now().plusSeconds(3600);
        try (Producer producer = client.newProducer()) {
            RecordPosition first =
                    producer.send(record("planned", "x").withDeliverAt(due)).join();
            RecordPosition second = producer.send(record("planned", "x").withDeliverAt(due.plusSeconds(60)))
                    .join();
            RecordPosition third = producer.send(record("planned", "x")).join();
            assertThat(first.scheduleId()).isNotEmpty();
            assertThat(first.duplicate()).isFalse();
            for (RecordPosition again : List.of(second, third)) {
                assertThat(again.duplicate()).isTrue();
                assertThat(again.scheduleId()).isEqualTo(first.scheduleId());
            }
        }
        assertThat(client.schedules().list("planned", "", 10).getTotalRecords()).isEqualTo(1);
        assertThat(values("planned")).isEmpty();
    }

    /** Callers without a sequence, who hear UNKNOWN when a leader dies, and send again until they know. */
    @Test
    void shouldStoreEachIdOnceThoughEverybodySendsItAgainWhileNodesDie() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        create("stubborn", 3, Duration.ofMinutes(30));
        int senders = 4;
        int ids = 600;
        Map<String, RecordPosition> stored = new ConcurrentHashMap<>();
        List<String> wrong = Collections.synchronizedList(new ArrayList<>());
        AtomicInteger done = new AtomicInteger();
        AtomicInteger unknown = new AtomicInteger();
        List<Thread> threads = new ArrayList<>();
        for (int s = 0; s < senders; s++) {
            Random random = new Random(SEED + s);
            Thread thread = new Thread(() -> send(ids, random, stored, wrong, done, unknown), "sender-" + s);
            thread.start();
            threads.add(thread);
        }
        Random random = new Random(SEED);
        for (int round = 1; round <= 3; round++) {
            int target = round * senders * ids / 4;
            TestCluster.await(target + " sent", Duration.ofSeconds(60), () -> done.get() >= target);
            int leader = cluster.leaderOf(client, "stubborn", random.nextInt(3));
            cluster.node(leader).kill();
            if (round == 2) { // comes back with nothing, and copies what is known
                LocalCluster.deleteTree(cluster.node(leader).dataDirectory());
            }
            int more = target + 100;
            TestCluster.await("some more", Duration.ofSeconds(60), () -> done.get() >= more);
            cluster.restart(leader);
        }
        for (Thread thread : threads) {
            thread.join(60_000);
            assertThat(thread.isAlive()).as(thread.getName()).isFalse();
        }
        List<String> values = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of("stubborn"))) {
            for (ReceivedRecord record : reader) {
                String id = new String(record.value(), UTF_8);
                values.add(id);
                RecordPosition told = stored.get(id);
                if (told == null || told.partition() != record.partition() || told.offset() != record.offset()) {
                    wrong.add(id + " is at " + record.partition() + "@" + record.offset() + ", " + told + " was told");
                }
            }
        }
        System.out.println(done.get() + " sends of " + ids + " ids, " + unknown.get() + " with unknown outcome");
        assertThat(values).doesNotHaveDuplicates().hasSize(ids);
        assertThat(wrong).isEmpty();
    }

    private static void send(
            int ids,
            Random random,
            Map<String, RecordPosition> stored,
            List<String> wrong,
            AtomicInteger done,
            AtomicInteger unknown) {
        List<String> mine = new ArrayList<>();
        for (int i = 0; i < ids; i++) {
            mine.add("id-" + i);
        }
        Collections.shuffle(mine, random);
        try (Producer producer = client.newProducer(ProducerSettings.DEFAULT.withIdempotent(false))) {
            for (int from = 0; from < ids; from += 5) {
                List<String> left = new ArrayList<>(mine.subList(from, Math.min(ids, from + 5)));
                while (!left.isEmpty()) {
                    Map<String, CompletableFuture<RecordPosition>> sent = new HashMap<>();
                    left.forEach(id -> sent.put(id, producer.send(record("stubborn", id))));
                    sent.forEach((id, answer) -> {
                        try {
                            RecordPosition at = answer.join();
                            RecordPosition before = stored.putIfAbsent(id, at);
                            if (before != null
                                    && (before.offset() != at.offset() || before.partition() != at.partition())) {
                                wrong.add(id + " was told to be at " + before + " and " + at);
                            }
                            left.remove(id);
                            done.incrementAndGet();
                        } catch (CompletionException e) {
                            if (e.getCause() instanceof HoldfastException) {
                                unknown.incrementAndGet();
                            } else {
                                wrong.add(id + ": " + e.getCause());
                            }
                        }
                    });
                }
            }
        }
    }
}
