package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.util.Durations;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Position;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.QueueConsumer;
import io.holdfast.client.QueueDelivery;
import io.holdfast.client.QueueSettings;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.RecordPosition;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.v1.Compaction;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.Start;
import io.holdfast.v1.TopicConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Topics that keep the last record of each key. */
@Timeout(180)
class CompactionIT extends SharedCluster {
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int KEYS = 40;
    private static final int ROUND = 800;

    @BeforeAll
    static void start() throws Exception {
        share(List.of("storage:", "  segment-size: 64KiB", "  compaction-lag: 1s"));
    }

    private static void create(String topic, Compaction.Builder compaction) {
        client.admin()
                .createTopic(
                        topic,
                        TopicConfig.newBuilder()
                                .setPartitions(1)
                                .setReplicas(3)
                                .setCompaction(
                                        compaction.setAfter(Durations.ZERO).setWithin(Durations.fromSeconds(1)))
                                .build());
    }

    /** What was written: of each key its last offset and value, null for a tombstone. */
    private static final class Written {
        private final Map<String, RecordPosition> positions = new HashMap<>();
        private final Map<String, String> values = new HashMap<>();

        /** Values of all keys in turn, now and then a tombstone, in batches of several. */
        void produce(String topic, int count, Random random, boolean tombstones) {
            Map<String, CompletableFuture<RecordPosition>> sent = new HashMap<>();
            try (Producer producer = client.newProducer()) {
                for (int i = 0; i < count; i++) {
                    String key = "key " + random.nextInt(KEYS);
                    String value = tombstones && random.nextInt(8) == 0 ? null : i + " " + "x".repeat(300);
                    sent.put(
                            key,
                            producer.send(ProducerRecord.of(
                                    topic, key.getBytes(UTF_8), value == null ? null : value.getBytes(UTF_8))));
                    values.put(key, value);
                    if (random.nextInt(10) == 0) {
                        producer.flush();
                    }
                }
            }
            sent.forEach((key, position) -> positions.put(key, position.join()));
        }

        /** As read, in order. */
        List<String> expected(boolean withTombstones) {
            List<String> lines = new ArrayList<>();
            positions.entrySet().stream()
                    .filter(one -> withTombstones || values.get(one.getKey()) != null)
                    .sorted((a, b) ->
                            Long.compare(a.getValue().offset(), b.getValue().offset()))
                    .forEach(one -> lines.add(line(one.getValue().offset(), one.getKey(), values.get(one.getKey()))));
            return lines;
        }
    }

    private static String line(long offset, String key, String value) {
        return offset + " " + key + " " + (value == null ? "deleted" : value.substring(0, value.indexOf(' ')));
    }

    private static List<String> read(String topic, int node) {
        List<String> lines = new ArrayList<>();
        try (Reader reader = client.newReader(ReaderSettings.of(topic)
                .withFrom(Position.earliest())
                .withFollow(false)
                .withMode(ReadMode.any())
                .withNode(cluster.node(node).address()))) {
            for (ReceivedRecord record : reader) {
                byte[] value = record.value();
                lines.add(line(
                        record.offset(),
                        new String(record.key(), UTF_8),
                        value == null ? null : new String(value, UTF_8)));
            }
        }
        return lines;
    }

    private static void awaitEverywhere(String topic, Written written, boolean withTombstones) {
        List<String> expected = written.expected(withTombstones);
        long end = client.admin()
                .lookupOffsets(topic, 1, Start.newBuilder().setLatest(true).build())
                .get(0);
        for (int node = 1; node <= 3; node++) {
            int one = node;
            cluster.awaitCaughtUp(client, node, topic, 0, end, PATIENCE);
            TestCluster.await(
                    "the last of each key on node " + one,
                    PATIENCE,
                    () -> read(topic, one).equals(expected));
        }
    }

    private static long bytesOnDisk(int node, String topic) {
        long id = client.admin().getTopic(topic).getTopicId();
        Path folder = cluster.node(node).dataDirectory().resolve("partitions/" + id + "-0");
        try (var files = Files.walk(folder)) {
            return files.filter(file -> file.toString().endsWith(".batches"))
                    .mapToLong(file -> file.toFile().length())
                    .sum();
        } catch (IOException | UncheckedIOException e) {
            return Long.MAX_VALUE; // files come and go
        }
    }

    @Test
    void shouldKeepTheLastOfEachKeyOnAllReplicasOverKillsAndAWipe() throws Exception {
        long seed = System.nanoTime();
        System.out.println("seed " + seed);
        Random random = new Random(seed);
        create("last", Compaction.newBuilder());
        Written written = new Written();

        written.produce("last", ROUND, random, true);
        cluster.node(cluster.leaderOf(client, "last", 0)).kill();
        written.produce("last", ROUND, random, true);
        cluster.startAll();
        awaitEverywhere("last", written, true);
        cluster.wipe(3);
        cluster.restart(3);
        written.produce("last", ROUND, random, true);

        awaitEverywhere("last", written, true);
        for (int node = 1; node <= 3; node++) {
            int one = node;
            TestCluster.await(
                    "the space of what has gone on node " + node,
                    PATIENCE,
                    () -> bytesOnDisk(one, "last") < 3 * ROUND * 300 / 8);
        }
        // What is on disk is what a node begins with.
        for (int node = 1; node <= 3; node++) {
            cluster.node(node).kill();
        }
        cluster.startAll();
        awaitEverywhere("last", written, true);
    }

    /** Its peers have written anew what it lacks, without the bytes that their Raft logs speak of. */
    @Test
    void shouldCatchUpWithWhatWasCompactedWhileItWasAway() throws Exception {
        create("away", Compaction.newBuilder());
        Written written = new Written();
        Random random = new Random(7);
        written.produce("away", 300, random, false);
        cluster.node(2).kill();
        written.produce("away", ROUND, random, false);
        TestCluster.await(
                "compaction without it", PATIENCE, () -> read("away", 1).equals(written.expected(true)));
        TestCluster.await(
                "no bytes of what has gone",
                PATIENCE,
                () -> bytesOnDisk(1, "away") < 100_000 && bytesOnDisk(3, "away") < 100_000);

        cluster.restart(2);

        awaitEverywhere("away", written, true);
        written.produce("away", 100, random, false);
        awaitEverywhere("away", written, true);
    }

    @Test
    void shouldLetTombstonesGoToo() {
        create("deleted", Compaction.newBuilder().setKeepTombstones(Durations.fromSeconds(2)));
        Written written = new Written();
        written.produce("deleted", ROUND, new Random(3), true);
        written.values.put("key 0", null); // at least one, and the last record of all
        written.positions.put("key 0", sendOne("deleted", "key 0", null));

        awaitEverywhere("deleted", written, false);

        // Who has read everything is told that there is nothing more, though the last record is gone.
        try (StreamConsumer consumer = client.newStreamConsumer(StreamSettings.of("readers", "deleted"))) {
            TestCluster.await("no lag", PATIENCE, () -> {
                consumer.poll(Duration.ofMillis(100));
                consumer.commit();
                return client.streamGroups().describe("readers").getPartitionsList().stream()
                        .allMatch(partition -> partition.hasCommitted() && partition.getLag() == 0);
            });
        }
        client.admin().deleteTopic("deleted");
    }

    private static RecordPosition sendOne(String topic, String key, String value) {
        try (Producer producer = client.newProducer()) {
            return producer.send(
                            ProducerRecord.of(topic, key.getBytes(UTF_8), value == null ? null : value.getBytes(UTF_8)))
                    .join();
        }
    }

    /** A group's records stay until it has settled them; one that comes later finds only what is left. */
    @Test
    void shouldDeliverWhatIsLeftToQueueGroups() {
        create("worked", Compaction.newBuilder());
        client.queues().create("worked", "early", QueueConfig.getDefaultInstance());
        Written written = new Written();
        written.produce("worked", 400, new Random(5), false);
        List<Long> early = new ArrayList<>();
        try (QueueConsumer consumer = client.newQueueConsumer(QueueSettings.of("worked", "early"))) {
            for (int i = 0; i < 400; i++) {
                QueueDelivery delivery = consumer.poll(PATIENCE);
                assertThat(delivery).as("delivery %s of 400", i).isNotNull();
                early.add(delivery.record().offset());
                delivery.accept().join();
            }
        }
        assertThat(early).doesNotHaveDuplicates();
        awaitEverywhere("worked", written, true);

        client.queues().create("worked", "late", QueueConfig.getDefaultInstance());
        assertThat(client.queues().explain("worked", 0, early.get(0), "late").getExplanation(0))
                .contains("compaction");
        List<String> late = new ArrayList<>();
        try (QueueConsumer consumer = client.newQueueConsumer(QueueSettings.of("worked", "late"))) {
            for (QueueDelivery delivery = consumer.poll(PATIENCE);
                    delivery != null;
                    delivery = consumer.poll(Duration.ofSeconds(2))) {
                ReceivedRecord record = delivery.record();
                late.add(line(record.offset(), new String(record.key(), UTF_8), new String(record.value(), UTF_8)));
                delivery.accept().join();
            }
        }
        assertThat(late).containsExactlyInAnyOrderElementsOf(written.expected(true));
        TestCluster.await(
                "the late group to be done",
                PATIENCE,
                () -> client.queues().describe("worked", "late").getPartitionsList().stream()
                        .allMatch(partition -> partition.getFloor() == partition.getEnd()));
    }

    /** Offsets come back with the gaps between them, the second time only what is new. */
    @Test
    void shouldComeBackOutOfABackup(@TempDir Path temporary) throws Exception {
        create("saved", Compaction.newBuilder());
        Written written = new Written();
        Random random = new Random(9);
        written.produce("saved", 300, random, true);
        awaitEverywhere("saved", written, true);
        Path folder = temporary.resolve("backups");
        String address = cluster.node(1).address();
        CommandLineRun.run(0, "backup", "create", folder.toString(), "-a", address);
        written.produce("saved", 300, random, true);
        awaitEverywhere("saved", written, true);

        CommandLineRun.run(0, "backup", "create", folder.toString(), "-a", address);

        CommandLineRun.run(0, "backup", "verify", folder.toString());
        CommandLineRun.run(0, "backup", "restore", folder.toString(), "--topic", "saved=back", "-a", address);
        List<String> back = read("back", 1);
        assertThat(back).containsAll(written.expected(true)); // and what the first backup had
        assertThat(back.get(back.size() - 1))
                .isEqualTo(written.expected(true).get(written.expected(true).size() - 1));
        awaitEverywhere("back", written, true);

        create("forgetful", Compaction.newBuilder().setKeepTombstones(Durations.fromMillis(1)));
        Path lines = Files.writeString(temporary.resolve("lines"), "a=1 one\nb=2 two\n");
        CommandLineRun.run(0, "produce", "forgetful", lines.toString(), "--key-separator", "=", "-a", address);
        CommandLineRun.run(
                0, "produce", "forgetful", Files.writeString(lines, "a\n").toString(), "--delete", "-a", address);
        TestCluster.await(
                "only what was not deleted",
                PATIENCE,
                () -> read("forgetful", 1).equals(List.of("1 b 2")));
        CommandLineRun.run(0, "backup", "create", folder.toString(), "-a", address);
        CommandLineRun.run(
                1, "backup", "create", folder.toString(), "-a", address); // what was deleted since may be gone
        client.admin().deleteTopic("forgetful");
    }

    @Test
    void shouldRefuseWhatMakesNoSense() {
        assertThatThrownBy(() -> client.admin()
                        .createTopic(
                                "never",
                                TopicConfig.newBuilder()
                                        .setCompaction(Compaction.newBuilder().setWithin(Durations.fromMillis(10)))
                                        .build()))
                .isInstanceOf(HoldfastException.class)
                .hasMessageContaining("compact within 1 s");
    }
}
