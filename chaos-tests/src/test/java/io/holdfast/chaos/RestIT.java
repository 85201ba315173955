package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.RecordPosition;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Start;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Partitions at rest: nothing is lost by it, nothing read from it is stale, and it is soon over. */
class RestIT extends FreshTopic {
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());
    private static final int PARTITIONS = 4;
    private static final int KILLS = Integer.getInteger("holdfast.kills", 3);
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final List<String> SHORT_NAPS = List.of("partitions:", "  rest-after: 300ms");

    @BeforeAll
    static void start() throws Exception {
        share(SHORT_NAPS);
    }

    @Test
    @Timeout(240)
    void shouldRestWhenIdleAndServeReadsAtRestAndWakeForWrites() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        awaitRest(); // they are born at rest
        try (Producer producer = client.newProducer()) {
            for (int round = 1; round <= 3; round++) {
                send(producer, 100);
                awaitRest();

                for (int node = 1; node <= 3; node++) {
                    assertThat(readAll(node))
                            .as("records that node %s serves at rest", node)
                            .isEqualTo(100 * round);
                }
                assertThat(cluster.replicas(client, 1, TOPIC).values())
                        .as("reading woke the partitions")
                        .allMatch(RestIT::rests);
            }
            long before = System.nanoTime();
            producer.send(ProducerRecord.of(TOPIC, "late".getBytes(UTF_8), "riser".getBytes(UTF_8)))
                    .join();
            double wakeMs = (System.nanoTime() - before) / 1e6;
            System.out.printf("the write that woke a partition took %.0f ms%n", wakeMs);
            assertThat(wakeMs).isLessThan(2_000);
        }
    }

    @Test
    @Timeout(240)
    void shouldServeNothingStaleAfterTheOthersHaveGoneOn() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        try (Producer producer = client.newProducer()) {
            send(producer, 100);
            for (int round = 1; round <= 2; round++) {
                awaitRest();
                cluster.node(round).kill(); // at rest, with all there is
                send(producer, 100);

                cluster.restart(round);

                // It believes that it is at rest. A read that asks for what is acknowledged must not believe it.
                assertThat(readAll(round)).isEqualTo(100 + 100 * round);
            }
        }
        List<Long> ends = ends();
        for (int node = 1; node <= 3; node++) {
            cluster.awaitCaughtUp(client, node, TOPIC, ends, PATIENCE);
        }
        awaitRest();
    }

    @Test
    @Timeout(240)
    void shouldTakeBackANodeThatLostItsDiskWhileAllWasAtRest() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        try (Producer producer = client.newProducer()) {
            send(producer, 200);
        }
        List<Long> ends = ends();
        awaitRest();
        int wiped = cluster.leaderOf(client, TOPIC, 0);
        cluster.node(wiped).kill();
        LocalCluster.deleteTree(cluster.node(wiped).dataDirectory());

        cluster.restart(wiped);

        cluster.awaitCaughtUp(client, wiped, TOPIC, ends, PATIENCE);
        awaitRest();
        assertThat(readAll(1)).isEqualTo(200);
    }

    @Test
    @Timeout(240)
    void shouldWakeWithoutTheOneThatShouldLeadIfItCannot() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        try (Producer producer = client.newProducer()) {
            send(producer, 100);
            awaitRest();
            int first = cluster.leaderOf(client, TOPIC, 0);
            cluster.node(first).kill();
            try (var groups = Files.list(cluster.node(first).dataDirectory().resolve("raft"))) {
                groups.filter(RestIT::isOfTopic).forEach(LocalCluster::deleteTree);
            }
            cluster.restart(first);
            TestCluster.await(
                    "node " + first + " to lead again, in theory",
                    PATIENCE,
                    () -> cluster.leaderOf(client, TOPIC, 0) == first);

            send(producer, 100);

            assertThat(ends().stream().mapToLong(end -> end).sum()).isEqualTo(200);
            int healthy = first % 3 + 1;
            assertThat(readAll(healthy)).isEqualTo(200);
        }
    }

    /** A node that is full of groups without a leader closes them: others may have one. */
    @Tag("slow")
    @Test
    @Timeout(240)
    void shouldMakeRoomWhenNoLeaderIsFound() throws Exception {
        try (TestCluster full = TestCluster.start(3, List.of("partitions:", "  open-max: 2", "  rest-after: 1h"));
                HoldfastClient its = full.connect()) {
            its.admin().createTopic(TOPIC, 2, 3);
            try (Producer producer = its.newProducer()) {
                send(producer, 50);
                full.node(2).kill();
                full.node(3).kill();
                TestCluster.await(
                        "one to be closed, which makes room enough",
                        PATIENCE,
                        () -> full.replicas(its, 1, TOPIC).values().stream()
                                        .filter(RestIT::rests)
                                        .count()
                                > 0);
                full.startAll();
                send(producer, 50);
            }
            assertThat(its
                            .admin()
                            .lookupOffsets(
                                    TOPIC, 2, Start.newBuilder().setLatest(true).build())
                            .stream()
                            .mapToLong(end -> end)
                            .sum())
                    .isEqualTo(100);
            full.passed();
        }
    }

    /** What waits its turn on a node is sent once: else a node with much to do is soon busy with nothing but repetitions. */
    @Tag("slow")
    @Test
    @Timeout(240)
    void shouldSendOnceWhatWaitsForItsPartitionToWake() throws Exception {
        int many = 200;
        try (TestCluster asleep = TestCluster.start(3, List.of());
                HoldfastClient its = asleep.connect()) {
            its.admin().createTopic(TOPIC, many, 3);
            try (Producer producer = its.newProducer()) {
                List<CompletableFuture<RecordPosition>> sent = new ArrayList<>();
                for (int partition = 0; partition < many; partition++) {
                    sent.add(producer.send(ProducerRecord.of(TOPIC, partition, null, "record".getBytes(UTF_8))));
                }
                sent.forEach(CompletableFuture::join);
            }
            double batches = 0;
            for (int node = 1; node <= 3; node++) {
                batches += asleep.metric(node, "holdfast_append_latency_count");
            }
            assertThat(batches).as("batches that were stored, or had been").isEqualTo(many);
            asleep.passed();
        }
    }

    @Tag("slow")
    @Test
    @Timeout(300)
    void shouldLoseNothingWhenNodesDieWhilePartitionsFallAsleepAndWake() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        Random random = new Random(SEED);
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        // A record every 250 ms over 12 keys: partitions are forever about to rest, resting, or being woken.
        try (KeyedLoad load = new KeyedLoad(client, TOPIC, 12, 4, 100)) {
            load.awaitProgress(5, PATIENCE);
            for (int i = 0; i < KILLS; i++) {
                Thread.sleep(random.nextInt(1_500));
                int victims = 1 + random.nextInt(3);
                List<Integer> nodes = new ArrayList<>(List.of(1, 2, 3));
                while (nodes.size() > victims) {
                    nodes.remove(random.nextInt(nodes.size()));
                }
                nodes.parallelStream().forEach(node -> cluster.node(node).kill());
                Thread.sleep(random.nextInt(1_000));
                cluster.startAll();
                load.awaitProgress(3, PATIENCE);
            }
            load.finish();
            assertThat(load.failures()).isEmpty();
            assertThat(LogChecker.check(cluster, client, load, TOPIC, PARTITIONS))
                    .isEmpty();
            System.out.println(load.acknowledgedCount() + " records acknowledged, nothing lost or doubled");
        }
    }

    private static void send(Producer producer, int records) {
        List<CompletableFuture<RecordPosition>> sent = new ArrayList<>();
        for (int i = 0; i < records; i++) {
            sent.add(producer.send(
                    ProducerRecord.of(TOPIC, ("key " + i).getBytes(UTF_8), ("record " + i).getBytes(UTF_8))));
        }
        sent.forEach(CompletableFuture::join);
    }

    /** How many records a node serves to a reader that wants all that is acknowledged. */
    private static int readAll(int node) {
        int records = 0;
        try (Reader reader = client.newReader(
                ReaderSettings.of(TOPIC).withNode(cluster.node(node).address()).withMode(ReadMode.leader()))) {
            for (ReceivedRecord record : reader) {
                assertThat(record.value()).isNotEmpty();
                records++;
            }
        }
        return records;
    }

    /** Whether a group's folder is of a partition of the topic. */
    private static boolean isOfTopic(Path group) {
        long id = client.admin().getTopic(TOPIC).getTopicId();
        return group.getFileName().toString().startsWith(String.format("00000000-0000-%04x-8", id));
    }

    private static List<Long> ends() {
        return client.admin()
                .lookupOffsets(
                        TOPIC, PARTITIONS, Start.newBuilder().setLatest(true).build());
    }

    private static boolean rests(ReplicaStatus replica) {
        return replica.getRole() == ReplicaRole.REPLICA_ROLE_RESTING;
    }

    private static void awaitRest() {
        TestCluster.await("all replicas to rest", PATIENCE, () -> {
            for (int node = 1; node <= 3; node++) {
                Collection<ReplicaStatus> replicas =
                        cluster.replicas(client, node, TOPIC).values();
                if (replicas.size() != PARTITIONS || !replicas.stream().allMatch(RestIT::rests)) {
                    return false;
                }
            }
            return true;
        });
    }
}
