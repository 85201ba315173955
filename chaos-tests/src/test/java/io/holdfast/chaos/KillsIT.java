package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.HoldfastClient;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** SIGKILL of everything that can be killed, under load: nothing acknowledged may be lost, doubled or out of order. */
@Tag("slow")
class KillsIT {
    private static final String TOPIC = "kills";
    private static final int PARTITIONS = 3;
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime());
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private enum Victim {
        LEADER,
        FOLLOWER,
        METADATA_LEADER,
        TWO,
        ALL
    }

    @Test
    @Timeout(600)
    void shouldLoseAndDoubleNothingWhateverIsKilled() throws Exception {
        System.out.println("seed " + SEED + " (replay with -Dholdfast.seed=" + SEED + ")");
        Random random = new Random(SEED);
        List<Victim> plan = new ArrayList<>(List.of(
                Victim.LEADER,
                Victim.LEADER,
                Victim.LEADER,
                Victim.LEADER,
                Victim.FOLLOWER,
                Victim.FOLLOWER,
                Victim.FOLLOWER,
                Victim.METADATA_LEADER,
                Victim.METADATA_LEADER,
                Victim.METADATA_LEADER,
                Victim.TWO,
                Victim.TWO,
                Victim.ALL,
                Victim.ALL));
        Collections.shuffle(plan, random);
        int kills = 0;
        try (TestCluster cluster = TestCluster.start(3, TestCluster.SMALL_LOGS);
                HoldfastClient client = cluster.connect()) {
            client.admin().createTopic(TOPIC, PARTITIONS, 3);
            try (KeyedLoad load = new KeyedLoad(client, TOPIC, 12, 2000, 200)) {
                load.awaitProgress(500, PATIENCE);
                for (Victim victim : plan) {
                    List<Integer> nodes = choose(victim, cluster, client, random);
                    nodes.parallelStream().forEach(node -> cluster.node(node).kill());
                    kills += nodes.size();
                    if (nodes.size() == 1) {
                        load.awaitProgress(200, PATIENCE);
                    } else {
                        Thread.sleep(random.nextInt(300)); // no majority: nothing can be awaited
                    }
                    cluster.startAll();
                    load.awaitProgress(300, PATIENCE);
                }
                load.finish();
                assertThat(load.failures()).isEmpty();
                assertThat(LogChecker.check(cluster, client, load, TOPIC, PARTITIONS))
                        .isEmpty();
                System.out.println(kills + " kills, " + load.acknowledgedCount()
                        + " records acknowledged, nothing lost or doubled");
            }
            assertThat(kills).isGreaterThanOrEqualTo(20);
            cluster.passed();
        }
    }

    private static List<Integer> choose(Victim victim, TestCluster cluster, HoldfastClient client, Random random) {
        List<Integer> all = new ArrayList<>(List.of(1, 2, 3));
        switch (victim) {
            case LEADER -> {
                return List.of(cluster.leaderOf(client, TOPIC, random.nextInt(PARTITIONS)));
            }
            case FOLLOWER -> {
                all.remove(Integer.valueOf(cluster.leaderOf(client, TOPIC, random.nextInt(PARTITIONS))));
                return List.of(all.get(random.nextInt(2)));
            }
            case METADATA_LEADER -> {
                return List.of(cluster.metadataLeader(client));
            }
            case TWO -> {
                all.remove(random.nextInt(3));
                return all;
            }
            default -> {
                return all;
            }
        }
    }
}
