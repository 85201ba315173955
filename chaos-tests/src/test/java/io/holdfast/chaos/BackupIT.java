package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.QueueLeases.Leased;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.TopicConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** holdfast backup: out of one cluster and into another, with everything where it was. */
@Timeout(240)
class BackupIT {
    private static final String EVENTS = "events";
    private static final String EMPTIED = "emptied";
    private static final int PARTITIONS = 3;
    private static final int RECORDS = 3_000;
    private static final int TRIMMED = 100;
    private static TestCluster from;
    private static TestCluster to;

    @TempDir
    private Path temporary;

    @BeforeAll
    static void start() throws Exception {
        from = TestCluster.start(1, List.of());
        to = TestCluster.start(1, List.of());
    }

    @AfterAll
    static void stop() {
        from.close();
        to.close();
    }

    @Test
    void shouldBringBackWhatWasThere() throws Exception {
        Path folder = temporary.resolve("backups");
        Instant between;
        List<String> first;
        try (HoldfastClient client = from.connect()) {
            fill(client);
            assertThat(backup(0, "create", folder, from)).contains("2 topics");
            assertThat(backup(0, "create", folder, from)).as("nothing is new").contains("copied 0 records, 0 bytes");
            first = all(client, EVENTS);
            between = Instant.now();
            Thread.sleep(5); // times are in milliseconds
            produce(client, EVENTS, RECORDS, 500);
            client.admin().trimTopic(EVENTS, 2, 5);
            assertThat(backup(0, "create", folder, from)).contains("copied 500 records");
            assertThat(CommandLineRun.run(0, "backup", "list", folder.toString())
                            .lines())
                    .hasSize(4);
            assertThat(CommandLineRun.run(0, "backup", "verify", folder.toString()))
                    .contains("0 damaged places");

            assertThat(backup(0, "restore", folder, to, "--plan")).contains("would restore 2 topics");
            assertThat(backup(0, "restore", folder, to)).contains("restored " + (RECORDS + 500 - TRIMMED - 5));
            assertThat(backup(3, "restore", folder, to)).as("it is there").isEmpty();
            assertThat(backup(0, "restore", folder, to, "--resume")).contains("restored 0 records");

            try (HoldfastClient restored = to.connect()) {
                assertSame(client, restored);
                produce(restored, EVENTS, RECORDS + 500, 50);
                assertThat(all(restored, EVENTS)).hasSize(RECORDS + 550 - TRIMMED - 5);
            }
        }
        shouldGoBackInTime(folder, between, first);
        shouldGoOnAfterAKill(folder);
        shouldFindDamage(folder);
        from.passed();
        to.passed();
    }

    /** A topic that has grown is put back with the keys that its partitions had, and with where they had them from. */
    @Test
    void shouldBringBackWhatHasGrown() throws Exception {
        Path folder = temporary.resolve("grown");
        try (HoldfastClient client = from.connect();
                HoldfastClient restored = to.connect()) {
            client.admin().createTopic("grown", 1, 1);
            count(client, 0, 100);
            Instant before = Instant.now();
            Thread.sleep(5); // times are in milliseconds
            client.admin()
                    .updateTopic(
                            "grown", TopicConfig.newBuilder().setPartitions(3).build());
            count(client, 100, 200);
            backup(0, "create", folder, from);

            backup(0, "restore", folder, to, "--topic=grown");
            count(restored, 200, 300);
            assertThat(keys(restored, "grown")).isEqualTo(keys(client, "grown"));
            assertInOrder(restored, "grown", 300);

            backup(0, "restore", folder, to, "--at=" + before, "--topic=grown=grown-then");
            assertThat(restored.admin()
                            .getRoutes(List.of("grown-then"))
                            .getRoutes(1)
                            .getSplitOff()
                            .getParentEnd())
                    .as("it was not split then")
                    .isEqualTo(100 * COUNTED_KEYS);
            produceCounted(restored, "grown-then", 100, 150);
            assertInOrder(restored, "grown-then", 150);
            client.admin().deleteTopic("grown"); // the other tests back up everything
            restored.admin().deleteTopic("grown");
            restored.admin().deleteTopic("grown-then");
        }
    }

    private static final int COUNTED_KEYS = 10;

    private static void count(HoldfastClient client, int from, int to) {
        produceCounted(client, "grown", from, to);
    }

    private static void produceCounted(HoldfastClient client, String topic, int from, int to) {
        try (Producer producer = client.newProducer()) {
            for (int i = from; i < to; i++) {
                for (int k = 0; k < COUNTED_KEYS; k++) {
                    producer.send(ProducerRecord.of(
                            topic,
                            ("key-" + k).getBytes(UTF_8),
                            Integer.toString(i).getBytes(UTF_8)));
                }
            }
        }
    }

    private static List<List<Object>> keys(HoldfastClient client, String topic) {
        return client.admin().getRoutes(List.of(topic)).getRoutesList().stream()
                .map(route -> List.<Object>of(route.getHashFirst(), route.getHashLast(), route.getSplitOff()))
                .toList();
    }

    private static void assertInOrder(HoldfastClient client, String topic, int count) {
        Map<String, Integer> next = new HashMap<>();
        try (Reader reader = client.newReader(ReaderSettings.of(topic))) {
            reader.forEach(record -> {
                String key = new String(Objects.requireNonNull(record.key()), UTF_8);
                int expected = next.getOrDefault(key, 0);
                assertThat(Integer.parseInt(new String(record.value(), UTF_8)))
                        .as(key)
                        .isEqualTo(expected);
                next.put(key, expected + 1);
            });
        }
        assertThat(next)
                .hasSize(COUNTED_KEYS)
                .allSatisfy((key, end) -> assertThat(end).isEqualTo(count));
    }

    private static void fill(HoldfastClient client) throws IOException {
        client.admin()
                .createTopic(
                        EVENTS,
                        TopicConfig.newBuilder()
                                .setPartitions(PARTITIONS)
                                .setRetainBytes(1L << 30)
                                .build());
        client.admin().createTopic(EMPTIED, 1, 1);
        produce(client, EVENTS, 0, RECORDS);
        produce(client, EMPTIED, 0, 20);
        client.admin().trimTopic(EVENTS, 1, TRIMMED);
        client.admin().trimTopic(EMPTIED, 0, 20);
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < 5; i++) {
                producer.send(record(EVENTS, 0, "later-" + i)
                                .withDeliverAt(Instant.now().plus(Duration.ofHours(1 + i))))
                        .join();
            }
        }
        client.queues()
                .create(
                        EVENTS,
                        "mail",
                        QueueConfig.newBuilder()
                                .setOrder(QueueOrder.QUEUE_ORDER_KEYED)
                                .setFailuresMax(7)
                                .build());
        int settled = 0;
        while (settled < 40) {
            for (Leased one : client.queueLeases(EVENTS, "mail", "m").poll(10, Duration.ofSeconds(5), null)) {
                assertThat(client.queueLeases(EVENTS, "mail", "m")
                                .settle(
                                        one.record().partition(),
                                        one.record().offset(),
                                        one.leaseId(),
                                        Outcome.OUTCOME_ACCEPT,
                                        null,
                                        ""))
                        .isNull();
                settled++;
            }
        }
        client.streamGroups().create("audit", StreamConfig.getDefaultInstance());
        client.streamGroups()
                .seek(
                        "audit",
                        List.of(target(EVENTS, 0, 17), target(EVENTS, 1, TRIMMED + 3), target(EMPTIED, 0, 20)),
                        false);
    }

    private static SeekTarget target(String topic, int partition, long offset) {
        return SeekTarget.newBuilder()
                .setTopic(topic)
                .setPartition(partition)
                .setTo(Start.newBuilder().setOffset(offset))
                .build();
    }

    private static ProducerRecord record(String topic, int partition, String value) {
        return ProducerRecord.of(topic, partition, ("key of " + value).getBytes(UTF_8), value.getBytes(UTF_8));
    }

    private static void produce(HoldfastClient client, String topic, int first, int count) {
        int partitions = client.admin().getTopic(topic).getConfig().getPartitions();
        try (Producer producer = client.newProducer()) {
            List<CompletableFuture<?>> sent = new ArrayList<>();
            for (int i = first; i < first + count; i++) {
                sent.add(producer.send(
                        record(topic, i % partitions, "value-" + i).withPriority(i % 10)));
            }
            sent.forEach(CompletableFuture::join);
        }
    }

    /** All there is of a record, for each that is in the log. */
    private static List<String> all(HoldfastClient client, String topic) {
        List<String> records = new ArrayList<>();
        int partitions = client.admin().getTopic(topic).getConfig().getPartitions();
        for (int p = 0; p < partitions; p++) {
            try (Reader reader = client.newReader(ReaderSettings.of(topic).withPartition(p))) {
                for (ReceivedRecord one : reader) {
                    records.add(p + "@" + one.offset() + " " + one.appendTimeMs() + " " + one.timestampMs() + " "
                            + new String(one.key(), UTF_8) + " " + new String(one.value(), UTF_8) + " "
                            + headers(one));
                }
            }
        }
        return records;
    }

    private static String headers(ReceivedRecord record) {
        return record.headers().stream()
                .map(header -> header.name() + "=" + Arrays.toString(header.value()))
                .collect(Collectors.joining(","));
    }

    private static void assertSame(HoldfastClient before, HoldfastClient after) {
        for (String topic : List.of(EVENTS, EMPTIED)) {
            TopicConfig config = after.admin().getTopic(topic).getConfig();
            assertThat(config).isEqualTo(before.admin().getTopic(topic).getConfig());
            assertThat(all(after, topic)).isEqualTo(all(before, topic));
            for (Start edge : List.of(
                    Start.newBuilder().setEarliest(true).build(),
                    Start.newBuilder().setLatest(true).build())) {
                assertThat(after.admin().lookupOffsets(topic, config.getPartitions(), edge))
                        .isEqualTo(before.admin().lookupOffsets(topic, config.getPartitions(), edge));
            }
        }
        assertThat(floors(after)).isEqualTo(floors(before));
        assertThat(after.queues().get(EVENTS, "mail").getConfig())
                .isEqualTo(before.queues().get(EVENTS, "mail").getConfig());
        assertThat(committed(after)).isEqualTo(committed(before)).hasSize(3);
        assertThat(scheduled(after)).isEqualTo(scheduled(before)).hasSize(5);
    }

    private static List<Long> floors(HoldfastClient client) {
        return client.queues().describe(EVENTS, "mail").getPartitionsList().stream()
                .map(partition -> partition.getFloor())
                .toList();
    }

    private static List<String> committed(HoldfastClient client) {
        return client.streamGroups().describe("audit").getPartitionsList().stream()
                .filter(StreamPartition::hasCommitted)
                .map(one -> one.getPartition().getTopic() + "/"
                        + one.getPartition().getPartition() + "@" + one.getCommitted())
                .sorted()
                .toList();
    }

    private static List<String> scheduled(HoldfastClient client) {
        return client.schedules().list(EVENTS, "", 100).getRecordsList().stream()
                .map(one -> one.getPartition() + " " + one.getDeliverAt() + " "
                        + one.getRecord().getValue().toStringUtf8())
                .toList();
    }

    private static void shouldGoBackInTime(Path folder, Instant time, List<String> asItWas) {
        backup(0, "restore", folder, to, "--topic", EVENTS + "=then", "--at", time.toString());
        try (HoldfastClient client = to.connect()) {
            assertThat(all(client, "then"))
                    .as("but for what was trimmed before the backup that has the records")
                    .isEqualTo(asItWas.stream()
                            .filter(one -> !one.matches("2@[0-4] .*"))
                            .toList());
            assertThat(client.queues().describe("then", "mail").getPartitionsList())
                    .hasSize(PARTITIONS);
        }
    }

    private static void shouldGoOnAfterAKill(Path folder) throws Exception {
        CompletableFuture<Integer> restoring = CompletableFuture.supplyAsync(() -> io.holdfast.cli.Main.execute(
                "backup",
                "restore",
                folder.toString(),
                "--topic=" + EVENTS + "=copy",
                "--address=" + to.node(1).address()));
        try (HoldfastClient client = to.connect()) {
            Start latest = Start.newBuilder().setLatest(true).build();
            while (!restoring.isDone()
                    && client.admin().listTopics("copy").stream()
                            .noneMatch(topic -> client.admin().lookupOffsets("copy", PARTITIONS, latest).stream()
                                    .anyMatch(end -> end > 0))) {
                Thread.sleep(1);
            }
            to.node(1).kill();
            to.node(1).start();
            to.node(1).awaitReady(Duration.ofSeconds(60));
            restoring.join();
            backup(0, "restore", folder, to, "--topic", EVENTS + "=copy", "--resume");
            assertThat(all(client, "copy"))
                    .isEqualTo(all(client, EVENTS).stream()
                            .filter(one -> !one.matches(".*value-35[0-4][0-9] .*"))
                            .toList());
        }
    }

    private static void shouldFindDamage(Path folder) throws IOException {
        List<Path> files;
        try (Stream<Path> walk = Files.walk(folder)) {
            files = walk.filter(file -> file.toString().matches(".*(batches|scheduled|T.*json)"))
                    .toList();
        }
        assertThat(files).hasSizeGreaterThan(2 * PARTITIONS);
        for (Path file : files) {
            byte[] good = Files.readAllBytes(file);
            byte[] bad = good.clone();
            bad[good.length / 2] ^= 4;
            Files.write(file, bad);
            CommandLineRun.run(1, "backup", "verify", folder.toString());
            Files.write(file, Arrays.copyOf(good, good.length - 1));
            CommandLineRun.run(1, "backup", "verify", folder.toString());
            Files.delete(file);
            if (!file.toString().endsWith("json")) { // it says what there is
                CommandLineRun.run(1, "backup", "verify", folder.toString());
            }
            Files.write(file, good);
        }
        CommandLineRun.run(0, "backup", "verify", folder.toString());
    }

    @Test
    void shouldRefuseWrongFolders() throws Exception {
        Path other = Files.createDirectory(temporary.resolve("other"));
        Files.writeString(other.resolve("mine.txt"), "not a backup");
        assertThat(backup(3, "create", other, from)).isEmpty();
        assertThat(CommandLineRun.run(3, "backup", "list", other.toString())).isEmpty();
        assertThat(backup(3, "restore", other, to)).isEmpty();
        Path mine = temporary.resolve("mine");
        backup(0, "create", mine, from);
        assertThat(backup(3, "create", mine, to)).as("of another cluster").isEmpty();
        assertThat(backup(3, "restore", mine, to, "--topic", "none")).isEmpty();
        assertThat(backup(3, "restore", mine, to, "--at", "2100-01-01T00:00:00Z"))
                .isEmpty();
    }

    private static String backup(int exitCode, String command, Path folder, TestCluster cluster, String... options) {
        List<String> arguments = new ArrayList<>(List.of("backup", command, folder.toString()));
        arguments.add("--address=" + cluster.node(1).address());
        arguments.addAll(List.of(options));
        return CommandLineRun.run(exitCode, arguments.toArray(String[]::new));
    }
}
