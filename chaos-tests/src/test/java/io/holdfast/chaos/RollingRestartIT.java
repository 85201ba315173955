package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.Start;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Nodes that are asked to stop, or paused, one after the other under load. */
@Tag("slow")
class RollingRestartIT {
    private static final String TOPIC = "rolling";
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @Test
    @Timeout(240)
    void shouldHandOverBeforeStoppingAndLoseNothingToAPause() throws Exception {
        try (TestCluster cluster = TestCluster.start(3, List.of());
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, 3, 3);
            try (KeyedLoad load = new KeyedLoad(client, TOPIC, 6, 300, 100)) {
                load.awaitProgress(600, PATIENCE);
                List<Double> gaps = new ArrayList<>();
                for (int id = 1; id <= 3; id++) {
                    load.takeLongestGapMs();
                    cluster.node(id).stop(Duration.ofSeconds(20));
                    gaps.add(load.takeLongestGapMs());
                    cluster.restart(id);
                    load.awaitProgress(300, PATIENCE);
                }
                System.out.printf(
                        "longest silence while a node stops as asked: %s ms%n",
                        gaps.stream().map(Math::round).toList());

                // Longer than any election timeout: somebody else leads when it wakes up, and it must notice.
                int leader = cluster.leaderOf(client, TOPIC, 0);
                cluster.freeze(leader);
                Thread.sleep(4_000);
                cluster.goOn(leader);
                load.awaitProgress(600, PATIENCE);
                load.finish();
                assertThat(load.failures()).isEmpty();
                assertThat(findings(cluster, client, load)).isEmpty();
            }
            cluster.passed();
        }
    }

    private static List<String> findings(TestCluster cluster, HoldfastClient client, KeyedLoad load) {
        List<Long> ends = client.admin()
                .lookupOffsets(TOPIC, 3, Start.newBuilder().setLatest(true).build());
        List<String> findings = new ArrayList<>();
        Map<Integer, BitSet> seen = new TreeMap<>();
        for (int p = 0; p < 3; p++) {
            List<ReceivedRecord> records =
                    LogChecker.read(client, cluster.node(1 + p).address(), TOPIC, p, ends.get(p));
            findings.addAll(LogChecker.check(records, load, seen));
        }
        findings.addAll(LogChecker.lost(load, seen));
        return findings;
    }
}
