package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.QueueOrder;
import io.holdfast.v1.TopicConfig;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** holdfast apply and export: a cluster gets what a file says, once. */
@Timeout(120)
class ApplyIT {
    private static final String FILE = """
            topics:
              orders:
                partitions: 3
                retain-for: 7d
                retain-bytes: 10GiB
                queue-groups:
                  billing: {order: keyed, lease: 1m, start: latest}
                  audit:
              notes:
            stream-groups:
              analytics: {session-timeout: 20s}
            """;
    private static TestCluster cluster;

    @TempDir
    private Path folder;

    @BeforeAll
    static void start() throws Exception {
        cluster = TestCluster.start(1, List.of());
    }

    @AfterAll
    static void stop() {
        cluster.close();
    }

    @Test
    void shouldDoWhatTheFileSaysAndNothingTheSecondTime() throws Exception {
        assertThat(apply(FILE, "--plan")).contains("would create topic orders", "5 to change, 0 as they should be");
        try (HoldfastClient client = cluster.connect()) {
            assertThat(client.admin().listTopics("")).as("only planned").isEmpty();
            assertThat(apply(FILE)).contains("5 changed, 0 as they should be");
            TopicConfig orders = client.admin().getTopic("orders").getConfig();
            assertThat(orders.getPartitions()).isEqualTo(3);
            assertThat(orders.getRetainFor().getSeconds())
                    .isEqualTo(Duration.ofDays(7).toSeconds());
            assertThat(orders.getRetainBytes()).isEqualTo(10L << 30);
            assertThat(client.queues().get("orders", "billing").getConfig().getOrder())
                    .isEqualTo(QueueOrder.QUEUE_ORDER_KEYED);
            assertThat(apply(FILE)).contains("0 changed, 5 as they should be");

            String exported = run(0, "export");
            assertThat(exported).contains("retain-for: 7d", "retain-bytes: 10GiB", "order: keyed");
            assertThat(apply(exported)).contains("0 changed, 5 as they should be");

            String changed = exported.replace("7d", "14d").replace("order: keyed", "order: exclusive");
            assertThat(apply(changed)).contains("retain-for 7d -> 14d", "order keyed -> exclusive", "2 changed, 3 as");
            assertThat(apply("topics: {orders: {retain-for: none}}")).contains("retain-for 14d -> none");
            assertThat(client.admin().getTopic("orders").getConfig().getRetainBytes())
                    .as("what a file does not say stays as it is")
                    .isEqualTo(10L << 30);

            String compacted = "topics: {orders: {compaction: {within: 5m}}}";
            assertThat(apply(compacted)).contains("compaction", "1 changed");
            assertThat(apply(compacted)).contains("0 changed");
            assertThat(apply(run(0, "export"))).contains("0 changed, 5 as");
            assertThat(apply("topics: {orders: {compaction: {keep-tombstones: 1d}}}"))
                    .contains("1 changed");
            assertThat(client.admin()
                            .getTopic("orders")
                            .getConfig()
                            .getCompaction()
                            .getWithin()
                            .getSeconds())
                    .isEqualTo(300);
            assertThat(apply("topics: {orders: {compaction: none}}")).contains("1 changed");
            assertThat(client.admin().getTopic("orders").getConfig().hasCompaction())
                    .isFalse();
        }
        assertThat(apply("topics: {orders: {partitions: 4}}")).contains("partitions 3 -> 4", "1 changed");
        assertThat(run(1, "apply", "-f", file("topics: {orders: {partitions: 2}, more: }")))
                .as("the rest is done all the same")
                .contains("cannot update topic orders", "create topic more", "1 changed", "1 not possible");
        cluster.passed();
    }

    @Test
    void shouldRefuseWhatItDoesNotUnderstand() throws Exception {
        for (String bad : List.of(
                "topics: {a: {partitons: 1}}",
                "topics: {a: {partitions: many}}",
                "topics: {a: {retain-for: 7}}",
                "topics: {a: {settled: sometimes}}",
                "topics: {a: {compaction: sometimes}}",
                "topics: {a: {compaction: {within: 1s, when: never}}}",
                "topics: {a: {reject-when-full: perhaps}}",
                "topics: {a: {queue-groups: {g: {order: [keyed]}}}}",
                "topics: [a]",
                "topic: {a: }",
                "topics: {a: , a: }",
                "topics: {")) {
            assertThat(run(3, "apply", "-f", file(bad))).as(bad).isEmpty();
        }
    }

    private String apply(String yaml, String... options) throws Exception {
        List<String> arguments = new ArrayList<>(List.of("apply", "-f", file(yaml)));
        arguments.addAll(Arrays.asList(options));
        return run(0, arguments.toArray(String[]::new));
    }

    private String file(String yaml) throws Exception {
        return Files.writeString(folder.resolve("cluster.yaml"), yaml).toString();
    }

    private static String run(int expected, String... arguments) {
        List<String> all = new ArrayList<>(Arrays.asList(arguments));
        all.add("--address=" + cluster.node(1).address());
        return CommandLineRun.run(expected, all.toArray(String[]::new));
    }
}
