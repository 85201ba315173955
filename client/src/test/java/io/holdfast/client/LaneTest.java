package io.holdfast.client;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.client.RoutingCache.PartitionKey;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a producer has for one partition. */
class LaneTest {
    private final Lane lane = new Lane(new PartitionKey("topic", 0), 0, KeyRanges.of(List.of()));

    /** Each of two nodes may believe for a while that the other leads. */
    @Test
    void shouldPauseWhenItIsSentToAndFro() {
        for (int i = 0; i < 3; i++) {
            lane.redirect();
            assertThat(waitNanos()).as("after %d redirections", i + 1).isZero();
        }

        lane.redirect();

        assertThat(waitNanos()).isPositive();
        lane.succeeded(1);
        lane.stopBackingOff();
        lane.redirect();
        assertThat(waitNanos()).as("once something was stored").isZero();
    }

    /** As of now, or a little less. */
    private long waitNanos() {
        return lane.waitNanos(System.nanoTime());
    }
}
