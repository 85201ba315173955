package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Restart takes as long as there is to replay, not as long as there is data. */
class RestartIT {
    private static final long LARGE_MIB = Long.getLong("holdfast.restart.mib", 10_240L);

    @Test
    @Tag("slow")
    @Timeout(1800)
    void shouldStartWithTenGigabytesAsFastAsWithTenMegabytes() throws Exception {
        double small = restartSeconds(10);
        double large = restartSeconds(LARGE_MIB);
        System.out.printf("restart after SIGKILL: %.2f s with 10 MiB, %.2f s with %d MiB%n", small, large, LARGE_MIB);
        assertThat(large).isLessThan(2 * small);
    }

    /** Median of three. */
    private static double restartSeconds(long mib) throws Exception {
        try (TestCluster cluster = TestCluster.start(1, List.of());
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic("retained", 1, 1);
            byte[] value = new byte[64 << 10];
            new Random(1).nextBytes(value);
            try (Producer producer = client.newProducer(
                    ProducerSettings.DEFAULT.withBatchBytesMax(1 << 20).withDeliveryTimeout(Duration.ofMinutes(10)))) {
                for (long sent = 0; sent < mib << 20; sent += value.length) {
                    producer.send(ProducerRecord.of("retained", 0, null, value));
                }
            }
            List<Double> seconds = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                cluster.node(1).kill();
                long started = System.nanoTime();
                cluster.restart(1);
                TestCluster.await(
                        "the leader to be back",
                        Duration.ofSeconds(60),
                        () -> client.admin()
                                        .getRoutes(List.of("retained"))
                                        .getRoutes(0)
                                        .getLeaderNode()
                                == 1);
                seconds.add((System.nanoTime() - started) / 1e9);
            }
            seconds.sort(null);
            cluster.passed();
            return seconds.get(1);
        }
    }
}
