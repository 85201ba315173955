package io.holdfast.node.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** How many groups are woken at a time follows how fast they wake. */
class WakePaceTest {
    private final WakePace pace = new WakePace();
    private final Deque<Long> underWay = new ArrayDeque<>();
    private long now = 1;

    @Test
    void shouldWakeMoreAtATimeWhileItGoesFast() {
        fill();
        int before = underWay.size();

        for (int i = 0; i < 500; i++) {
            endsAfterMs(100, true);
            fill();
        }

        assertThat(underWay.size()).isGreaterThan(before).isEqualTo(16);
    }

    @Test
    void shouldWakeFewerAtATimeWhenItGoesSlowlyButAlwaysOne() {
        for (int i = 0; i < 100; i++) {
            fill();
            endsAfterMs(5_000, true);
        }

        fill();
        assertThat(underWay).hasSize(1);
    }

    @Test
    void shouldHalveOnceForAllThatWereUnderWayTogether() {
        fill();
        int together = underWay.size();

        for (int i = 0; i < together; i++) {
            endsAfterMs(5_000, true);
        }

        fill();
        assertThat(underWay).hasSize(together / 2);
    }

    @Test
    void shouldLearnNothingFromThoseThatSayNothing() {
        fill();
        int before = underWay.size();

        for (int i = 0; i < 100; i++) {
            endsAfterMs(i % 2 == 0 ? 0 : 9_000, false);
            fill();
        }

        assertThat(underWay).hasSize(before);
    }

    /** Begins as many as may. */
    private void fill() {
        while (pace.begins()) {
            underWay.add(now);
        }
    }

    /** The one that began first ends. */
    private void endsAfterMs(long ms, boolean tells) {
        long began = underWay.remove();
        now = Math.max(now, began + TimeUnit.MILLISECONDS.toNanos(ms));
        pace.ended(began, now, tells);
    }
}
