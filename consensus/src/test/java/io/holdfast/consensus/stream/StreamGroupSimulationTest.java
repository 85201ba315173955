package io.holdfast.consensus.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

/**
 * Members, a leader and the messages between them, which are late, lost, doubled and overtaken, at random. Whatever
 * happens no partition is in the hands of two members; when it calms down each is in the hands of one.
 *
 * <p>{@code -Dholdfast.seed=S} repeats one, {@code -Dholdfast.seeds=N} runs so many.
 */
class StreamGroupSimulationTest {
    private static final int STEPS = 400;

    @Test
    void shouldNeverLetTwoMembersHaveAPartition() {
        Long one = Long.getLong("holdfast.seed");
        if (one != null) {
            run(one);
            return;
        }
        long first = new Random().nextLong();
        int seeds = Integer.getInteger("holdfast.seeds", 300);
        long commits = 0;
        for (long seed = first; seed < first + seeds; seed++) {
            commits += run(seed);
        }
        assertThat(commits)
                .as("commits of owners: if there are few, nothing is tested")
                .isGreaterThan(seeds * 3L);
    }

    private static int run(long seed) {
        StreamWorld world = new StreamWorld(seed);
        try {
            for (int step = 0; step < STEPS; step++) {
                world.step();
            }
            world.calm();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError("seed " + seed + ": " + e.getMessage(), e);
        }
        return world.commits();
    }
}
