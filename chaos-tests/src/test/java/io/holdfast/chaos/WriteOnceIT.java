package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.cli.local.LocalNode;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.v1.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every payload byte is written once per replica: counted by the kernel, not timed.
 *
 * <p>{@code wchar} of /proc/PID/io counts bytes written to files and sockets together. The leader must send the payload
 * to two followers, so at least two bytes per payload byte went to sockets; all the rest is counted against the files,
 * which makes the ratio an upper bound.
 */
@EnabledOnOs(OS.LINUX)
class WriteOnceIT {
    private static final int RECORD_BYTES = 1024;
    private static final long PAYLOAD_BYTES = 48L << 20;

    @ParameterizedTest
    @ValueSource(ints = {64 << 10, 1 << 20})
    @Timeout(180)
    void shouldWriteEachByteOncePerReplica(int batchBytes) throws Exception {
        try (TestCluster cluster = TestCluster.start(3, List.of());
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic("once", 1, 3);
            produce(client, batchBytes, 1 << 20); // opens files, fills caches
            awaitEverywhere(cluster, client);
            Written before = written(cluster);

            produce(client, batchBytes, PAYLOAD_BYTES);

            awaitEverywhere(cluster, client); // a majority is enough for the producer
            Written after = written(cluster);
            double all = (after.all - before.all) / (double) PAYLOAD_BYTES;
            double files = (all - 2) / 3;
            double disk = (after.disk - before.disk) / (3.0 * PAYLOAD_BYTES);
            System.out.printf(
                    "batches of %d KiB: %.2f bytes to files and sockets per payload byte (floor 5), so at most %.3f to"
                            + " files per replica (floor 1); %.3f in whole pages sent to the disk%n",
                    batchBytes >> 10, all, files, disk);
            assertThat(files).isLessThanOrEqualTo(1.15);
            assertThat(all)
                    .as("less than the payload was written: the counter does not count")
                    .isGreaterThan(4.9);
            cluster.passed();
        }
    }

    @Test
    void shouldReadTheKernelsCounters() throws Exception {
        long before = counter(ProcessHandle.current().pid(), "wchar");
        Path file = Files.createTempFile("holdfast-count", "");
        Files.write(file, new byte[123_456]);
        assertThat(counter(ProcessHandle.current().pid(), "wchar") - before).isGreaterThanOrEqualTo(123_456);
        Files.delete(file);
    }

    private static void awaitEverywhere(TestCluster cluster, HoldfastClient client) {
        long end = client.admin()
                .lookupOffset("once", 0, Start.newBuilder().setLatest(true).build());
        for (int node = 1; node <= 3; node++) {
            cluster.awaitCaughtUp(client, node, "once", 0, end, Duration.ofSeconds(30));
        }
    }

    private record Written(long disk, long all) {}

    private static Written written(TestCluster cluster) throws IOException {
        long disk = 0;
        long all = 0;
        for (LocalNode node : cluster.processes().nodes()) {
            disk += counter(node.pid(), "write_bytes");
            all += counter(node.pid(), "wchar");
        }
        return new Written(disk, all);
    }

    private static long counter(long pid, String name) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/io"))) {
            if (line.startsWith(name + ":")) {
                return Long.parseLong(line.substring(name.length() + 1).trim());
            }
        }
        throw new IOException("no " + name + " in /proc/" + pid + "/io");
    }

    private static void produce(HoldfastClient client, int batchBytes, long bytes) {
        byte[] value = new byte[RECORD_BYTES];
        new Random(1).nextBytes(value);
        ProducerSettings settings =
                ProducerSettings.DEFAULT.withBatchBytesMax(batchBytes).withLinger(java.time.Duration.ofMillis(500));
        try (Producer producer = client.newProducer(settings)) {
            for (long sent = 0; sent < bytes; sent += RECORD_BYTES) {
                producer.send(ProducerRecord.of("once", 0, null, value));
            }
        }
    }
}
