package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class HighWatermarkTest {
    private final HighWatermark mark = new HighWatermark();
    private final AtomicInteger woken = new AtomicInteger();

    @Test
    void shouldWakeWhoWaitsForWhatHasCome() {
        mark.whenPassed(0, woken::incrementAndGet);
        mark.whenPassed(5, woken::incrementAndGet);
        assertThat(woken).hasValue(0);
        mark.advance(5);
        assertThat(woken).hasValue(1);
        mark.advance(6);
        assertThat(woken).hasValue(2);
        mark.whenPassed(3, woken::incrementAndGet);
        assertThat(woken).hasValue(3);
        assertThat(mark.waiters()).isZero();
    }

    @Test
    void shouldForgetWhoStopsWaiting() {
        Runnable stop = mark.whenPassed(7, woken::incrementAndGet);
        stop.run();
        mark.advance(100);
        stop.run();
        assertThat(woken).hasValue(0);
        assertThat(mark.waiters()).isZero();
    }
}
