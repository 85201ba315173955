package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** How long nobody can write when a leader is killed. */
class FailoverGapIT {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    @Test
    @Timeout(180)
    void shouldGoOnWithinSecondsOfALeadersDeath() throws Exception {
        List<Double> gaps = measure(3);
        // The aim of a second is measured below on an idle machine; this bound holds on a busy one too.
        assertThat(gaps).allSatisfy(gap -> assertThat(gap).isLessThan(5_000));
    }

    @Test
    @Tag("slow")
    @Timeout(600)
    void shouldGoOnWithinASecondOfALeadersDeath() throws Exception {
        List<Double> gaps = measure(20);
        assertThat(gaps.get(gaps.size() / 2)).as("median of %s", gaps).isLessThan(1_000);
        assertThat(gaps.get(gaps.size() - 1)).as("worst of %s", gaps).isLessThan(2_000);
    }

    /** Gaps between acknowledgements around kills of the leader, in milliseconds, sorted. */
    private static List<Double> measure(int kills) throws Exception {
        List<Double> gaps = new ArrayList<>();
        try (TestCluster cluster = TestCluster.start(3, List.of());
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic("gap", 1, 3);
            try (KeyedLoad load = new KeyedLoad(client, "gap", 1, 100, 100)) {
                load.awaitProgress(300, PATIENCE);
                for (int i = 0; i < kills; i++) {
                    int leader = cluster.leaderOf(client, "gap", 0);
                    load.takeLongestGapMs();
                    cluster.node(leader).kill();
                    load.awaitProgress(150, PATIENCE);
                    gaps.add(load.takeLongestGapMs());
                    cluster.restart(leader);
                    load.awaitProgress(200, PATIENCE); // let it settle: leaders may move back
                }
                load.finish();
            }
            cluster.passed();
        }
        gaps.sort(null);
        System.out.printf(
                "longest silence around %d kills of the leader: median %.0f ms, worst %.0f ms, all %s%n",
                kills,
                gaps.get(gaps.size() / 2),
                gaps.get(gaps.size() - 1),
                gaps.stream().map(Math::round).toList());
        return gaps;
    }
}
