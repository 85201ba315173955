package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.v1.QueueConfig;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** holdfast doctor: silent about what is well, and plain about what is not. */
@Timeout(120)
class DoctorIT {
    @TempDir
    private Path folder;

    @Test
    void shouldTellASickClusterFromAHealthyOne() throws Exception {
        TestCluster cluster = TestCluster.start(3, List.of());
        try (HoldfastClient client = cluster.connect()) {
            String address = "--address=" + String.join(",", cluster.processes().addresses());
            client.admin().createTopic("orders", 4, 3);
            assertThat(CommandLineRun.run(0, "doctor", address))
                    .contains("3 nodes answer", "1 topics, 4 partitions, all with a leader")
                    .doesNotContain("PROBLEM", "warning");

            client.admin().createTopic("single", 1, 1);
            client.queues().create("orders", "billing", QueueConfig.getDefaultInstance());
            try (Producer producer = client.newProducer()) {
                producer.send(ProducerRecord.of("orders", null, "x".getBytes(UTF_8)))
                        .join();
            }
            assertThat(CommandLineRun.run(0, "doctor", address))
                    .contains("1 topics have one copy of each record: single")
                    .contains("queue group orders/billing has 1 records ready, and nobody holds one")
                    .doesNotContain("PROBLEM");

            cluster.node(2).kill();
            assertThat(CommandLineRun.run(1, "doctor", address))
                    .contains("PROBLEM  node 2 does not answer")
                    .contains("4 partitions have fewer replicas at work than they should");
        }
        cluster.passed();
        cluster.close();
    }

    private static int free() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    @Test
    void shouldExamineAMachineBeforeANodeIsStarted() throws Exception {
        Path config = folder.resolve("holdfast.yaml");
        Path data = folder.resolve("data");
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            Files.writeString(
                    config,
                    "node:\n  id: 1\n  host: 127.0.0.1\n  data-dir: " + data + "\n"
                            + "listen:\n  host: 127.0.0.1\n  api-port: " + free() + "\n  raft-port: " + free()
                            + "\n  http-port: " + free() + "\n");
            assertThat(CommandLineRun.run(0, "doctor", "--config", config.toString()))
                    .contains("the settings are valid", "a flush of 4 KiB takes", "the ports are free")
                    .doesNotContain("PROBLEM");
            assertThat(data).as("it leaves nothing behind").doesNotExist();
            assertThat(CommandLineRun.run(
                            1,
                            "doctor",
                            "--config",
                            config.toString(),
                            "--set",
                            "listen.api-port=" + taken.getLocalPort()))
                    .contains("PROBLEM  the api port");
            Files.writeString(folder.resolve("file"), "");
            assertThat(CommandLineRun.run(
                            1,
                            "doctor",
                            "--config",
                            config.toString(),
                            "--set",
                            "node.data-dir=" + folder.resolve("file")))
                    .contains("PROBLEM  the data directory");
            CommandLineRun.run(3, "doctor", "--config", config.toString(), "--set", "node.colour=red");
        }
    }
}
