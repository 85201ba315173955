package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.v1.Start;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Bad bytes on one disk: found by a reader or by scrubbing, replaced from the other replicas, nothing lost. */
class DamageIT {
    private static final String TOPIC = "damage";
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    private static final int RECORDS = 600;

    @Test
    @Timeout(300)
    void shouldReplaceWhatIsDamaged() throws Exception {
        try (TestCluster cluster = TestCluster.start(3, List.of("storage:", "  segment-size: 64KiB"));
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, 2, 3);
            produce(client, 0);
            produce(client, 1);
            List<Long> ends = client.admin()
                    .lookupOffsets(TOPIC, 2, Start.newBuilder().setLatest(true).build());
            int leader = cluster.leaderOf(client, TOPIC, 0);
            long whole = LogChecker.checksum(client, cluster.node(leader).address(), TOPIC, 0, ends.get(0));
            int follower = leader % 3 + 1;

            flipAByte(cluster, client, follower, 0);
            TestCluster.await("scrubbing to find it", PATIENCE, () -> {
                client.admin().scrub(cluster.node(follower).address(), true);
                return client.admin().scrub(cluster.node(follower).address(), false).getDamagedList().stream()
                        .anyMatch(found -> found.getPartition().getPartition() == 0);
            });
            awaitReplaced(cluster, client, follower, 0, ends.get(0), 1);
            assertThat(LogChecker.checksum(client, cluster.node(follower).address(), TOPIC, 0, ends.get(0)))
                    .isEqualTo(whole);

            // The leader's, and a reader comes upon it.
            int leads = cluster.leaderOf(client, TOPIC, 1);
            flipAByte(cluster, client, leads, 1);
            long whole1 =
                    LogChecker.checksum(client, cluster.node(leads % 3 + 1).address(), TOPIC, 1, ends.get(1));
            assertThat(LogChecker.checksum(client, cluster.node(leads).address(), TOPIC, 1, ends.get(1)))
                    .as("what is damaged is read from another replica")
                    .isEqualTo(whole1);
            awaitReplaced(cluster, client, leads, 1, ends.get(1), 2);
            assertThat(LogChecker.checksum(client, cluster.node(leads).address(), TOPIC, 1, ends.get(1)))
                    .isEqualTo(whole1);
            cluster.passed();
        }
    }

    private static void produce(HoldfastClient client, int partition) {
        List<CompletableFuture<?>> sent = new ArrayList<>();
        try (Producer producer = client.newProducer()) {
            for (int i = 0; i < RECORDS; i++) {
                byte[] value = (i + "x".repeat(800)).getBytes(UTF_8);
                sent.add(producer.send(ProducerRecord.of(TOPIC, partition, null, value)));
                if (i % 20 == 0) {
                    producer.flush();
                }
            }
        }
        sent.forEach(CompletableFuture::join);
    }

    /** In the middle of the oldest segment. */
    private static void flipAByte(TestCluster cluster, HoldfastClient client, int node, int partition)
            throws IOException {
        long topicId = client.admin().getTopic(TOPIC).getTopicId();
        Path log = cluster.node(node).dataDirectory().resolve("partitions").resolve(topicId + "-" + partition);
        Path oldest;
        try (Stream<Path> files = Files.walk(log)) {
            oldest = files.filter(file -> file.toString().endsWith(".batches"))
                    .sorted()
                    .findFirst()
                    .orElseThrow();
        }
        try (RandomAccessFile file = new RandomAccessFile(oldest.toFile(), "rw")) {
            long middle = file.length() / 2;
            file.seek(middle);
            int before = file.read();
            file.seek(middle);
            file.write(before ^ 0x40);
        }
    }

    private static void awaitReplaced(
            TestCluster cluster, HoldfastClient client, int node, int partition, long end, int times) {
        TestCluster.await(
                "the damaged replica to be given up",
                PATIENCE,
                () -> client.admin().listEvents(0, Duration.ZERO).stream()
                                .filter(event -> event.getText().contains("is damaged"))
                                .count()
                        >= times);
        Path kept = cluster.node(node).dataDirectory().resolve("damaged");
        TestCluster.await("its files to be set aside", PATIENCE, () -> Files.isDirectory(kept));
        cluster.awaitCaughtUp(client, node, TOPIC, partition, end, PATIENCE);
        TestCluster.await("a clean bill", PATIENCE, () -> {
            var replica = cluster.replicas(client, node, TOPIC).get(partition);
            return replica != null && replica.getDamage().isEmpty();
        });
    }
}
