package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class BusyProcessorsTest {
    private double load;
    private long now;
    private final BusyProcessors processors = new BusyProcessors(() -> load, () -> now);

    private boolean after(long millis, double newLoad) {
        load = newLoad;
        now += TimeUnit.MILLISECONDS.toNanos(millis);
        return processors.getAsBoolean();
    }

    @Test
    void shouldFollowTheLoad() {
        assertThat(processors.getAsBoolean()).isFalse();
        assertThat(after(200, 0.99)).isTrue();
        assertThat(after(200, 0.99)).isTrue();
        assertThat(after(200, 0.5)).isFalse();
    }

    @Test
    void shouldLookOnlyNowAndThen() {
        assertThat(after(199, 0.99)).isFalse();
        assertThat(after(1, 0.99)).isTrue();
    }

    @Test
    void shouldTakeNoAnswerForIdle() {
        assertThat(after(200, -1)).isFalse();
    }
}
