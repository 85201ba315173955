package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.RecordPosition;
import io.holdfast.v1.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Replicas that come back with little or nothing, to a cluster where nobody writes any more. */
class CatchUpIT extends FreshTopic {
    private static final int PARTITIONS = 2;
    private static final Duration PATIENCE = Duration.ofSeconds(60);
    /** Checkpoints and purges all the time, and next to nothing kept in the Raft log. */
    private static final List<String> FEW_ENTRIES =
            List.of("raft:", "  checkpoint-entries: 20", "  log-segment-size: 2KiB", "  log-entries-kept: 5");

    @BeforeAll
    static void start() throws Exception {
        share(FEW_ENTRIES);
    }

    @Test
    @Timeout(240)
    void shouldCatchUpOnAnIdleClusterAfterTheLogWasPurged() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        produce(0, 300);
        cluster.node(2).kill();
        produce(300, 600);

        cluster.restart(2);

        List<Long> ends = ends();
        cluster.awaitCaughtUp(client, 2, TOPIC, ends, PATIENCE);
        assertSameEverywhere(ends);
        assertThat(Files.exists(cluster.node(2)
                        .dataDirectory()
                        .resolve("partitions/" + client.admin().getTopic(TOPIC).getTopicId() + "-0/log-0")))
                .as("still has its first log folder: it did not copy a checkpoint, so the log was not purged")
                .isFalse();
    }

    /** It died when it had taken over a copied checkpoint, and before Ratis had let go of the log from before. */
    @Test
    @Timeout(240)
    void shouldCatchUpWhenItsRaftLogEndsBeforeItsCheckpoint() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        produce(0, 300);
        cluster.node(2).kill();
        Path raft = cluster.node(2).dataDirectory().resolve("raft");
        Map<Path, byte[]> before = logFiles(raft);
        cluster.restart(2);
        produce(300, 600);
        cluster.awaitCaughtUp(client, 2, TOPIC, ends(), PATIENCE);
        cluster.node(2).kill();
        for (Path file : logFiles(raft).keySet()) {
            Files.delete(file);
        }
        for (Map.Entry<Path, byte[]> file : before.entrySet()) {
            Files.write(file.getKey(), file.getValue());
        }

        cluster.restart(2);

        produce(600, 700);
        List<Long> ends = ends();
        cluster.awaitCaughtUp(client, 2, TOPIC, ends, PATIENCE);
        assertSameEverywhere(ends);
    }

    private static Map<Path, byte[]> logFiles(Path raft) throws IOException {
        Map<Path, byte[]> files = new HashMap<>();
        try (var groups = Files.list(raft)) {
            for (Path group : groups.filter(CatchUpIT::isOfTopic).toList()) {
                try (var all = Files.list(group.resolve("current"))) {
                    for (Path file : all.filter(f -> f.getFileName().toString().startsWith("log_"))
                            .toList()) {
                        files.put(file, Files.readAllBytes(file));
                    }
                }
            }
        }
        return files;
    }

    @Test
    @Timeout(240)
    @Tag("slow")
    void shouldRejoinWithAnEmptyDirectoryAndCountInAMajorityAgain() throws Exception {
        client.admin().createTopic(TOPIC, PARTITIONS, 3);
        produce(0, 500);
        List<Long> ends = ends();
        // Once each: every node must be able to come back, the one that formed the cluster too.
        for (int wiped = 1; wiped <= 3; wiped++) {
            cluster.node(wiped).kill();
            LocalCluster.deleteTree(cluster.node(wiped).dataDirectory());

            cluster.restart(wiped);

            cluster.awaitCaughtUp(client, wiped, TOPIC, ends, PATIENCE);
        }
        assertSameEverywhere(ends);
        // Two of those who had lost everything are a majority now: they must be able to carry on alone.
        cluster.node(1).kill();
        produce(500, 600);
        assertThat(ends().stream().mapToLong(l -> l).sum()).isEqualTo(600);
    }

    @Test
    @Timeout(240)
    void shouldNotLetAWipedNodeVoteAgainstWhatItHasForgotten() throws Exception {
        client.admin().createTopic(TOPIC, 1, 3);
        cluster.node(3).kill(); // has nothing of what follows
        List<RecordPosition> acknowledged = produce(0, 200); // on the disks of 1 and 2
        cluster.node(1).kill();
        cluster.node(2).kill();
        LocalCluster.deleteTree(cluster.node(2).dataDirectory());

        // Nodes 2 and 3 would be a majority without a single acknowledged record, if 2 still counted as itself.
        cluster.node(2).start();
        cluster.node(3).start();
        Thread.sleep(8_000); // many election timeouts: time enough to do the wrong thing
        assertThat(cluster.node(2).isReady())
                .as("the wiped node serves before anybody who knows has let it in")
                .isFalse();

        cluster.restart(1);
        cluster.node(2).awaitReady(PATIENCE);
        cluster.node(3).awaitReady(PATIENCE);
        List<Long> ends = ends();
        assertThat(ends).containsExactly((long) acknowledged.size());
        for (int node = 1; node <= 3; node++) {
            cluster.awaitCaughtUp(client, node, TOPIC, ends, PATIENCE);
        }
        assertSameEverywhere(ends);
    }

    @Test
    @Timeout(120)
    void shouldRefuseToServeAReplicaWhoseVotesAreGone() throws Exception {
        client.admin().createTopic(TOPIC, 1, 3);
        produce(0, 50);
        cluster.node(2).kill();
        Path raft = cluster.node(2).dataDirectory().resolve("raft");
        try (var groups = Files.list(raft)) {
            groups.filter(CatchUpIT::isOfTopic).forEach(LocalCluster::deleteTree);
        }

        cluster.restart(2);

        TestCluster.await("the damaged replica to be reported", PATIENCE, () -> {
            var replica = cluster.replicas(client, 2, TOPIC).get(0);
            return replica != null && replica.getDamage().contains("Raft log is gone");
        });
        produce(50, 100); // the other two carry on
        List<Long> ends = ends();
        cluster.awaitCaughtUp(client, 2, TOPIC, ends, PATIENCE); // as one that has joined anew
        assertSameEverywhere(ends);
    }

    private static List<RecordPosition> produce(int from, int to) {
        List<CompletableFuture<RecordPosition>> sent = new ArrayList<>();
        try (Producer producer = client.newProducer()) {
            for (int i = from; i < to; i++) {
                byte[] value = ("record " + i + " " + "x".repeat(500)).getBytes(UTF_8);
                sent.add(producer.send(ProducerRecord.of(TOPIC, ("key " + i).getBytes(UTF_8), value)));
                if (i % 5 == 0) {
                    producer.flush(); // many small Raft entries rather than a few large ones
                }
            }
        }
        return sent.stream().map(CompletableFuture::join).toList();
    }

    /** Whether a group's folder is of a partition of the topic. */
    private static boolean isOfTopic(Path group) {
        long id = client.admin().getTopic(TOPIC).getTopicId();
        return group.getFileName().toString().startsWith(String.format("00000000-0000-%04x-8", id));
    }

    private static List<Long> ends() {
        int partitions = client.admin().getTopic(TOPIC).getConfig().getPartitions();
        return client.admin()
                .lookupOffsets(
                        TOPIC, partitions, Start.newBuilder().setLatest(true).build());
    }

    private static void assertSameEverywhere(List<Long> ends) {
        for (int p = 0; p < ends.size(); p++) {
            long first = LogChecker.checksum(client, cluster.node(1).address(), TOPIC, p, ends.get(p));
            for (int node = 2; node <= 3; node++) {
                assertThat(LogChecker.checksum(client, cluster.node(node).address(), TOPIC, p, ends.get(p)))
                        .as("partition %s on node %s", p, node)
                        .isEqualTo(first);
            }
        }
    }
}
