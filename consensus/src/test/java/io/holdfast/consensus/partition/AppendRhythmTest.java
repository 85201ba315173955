package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class AppendRhythmTest {
    private final AppendRhythm rhythm = new AppendRhythm();
    private long now = 7;

    private void beats(int count, long everyMicros) {
        for (int i = 0; i < count; i++) {
            now += TimeUnit.MICROSECONDS.toNanos(everyMicros);
            rhythm.beat(now);
        }
    }

    @Test
    void shouldBeFastAfterAWhileOfFrequentBeatsOnly() {
        assertThat(rhythm.isFast(now)).isFalse();
        beats(3, 1000);
        assertThat(rhythm.isFast(now)).as("three may be chance").isFalse();
        beats(60, 1000);
        assertThat(rhythm.isFast(now)).isTrue();
        beats(60, 3000);
        assertThat(rhythm.isFast(now)).isFalse();
    }

    @Test
    void shouldNotBeFastAnyMoreOnceTheNextIsLate() {
        beats(100, 500);
        assertThat(rhythm.isFast(now + TimeUnit.MILLISECONDS.toNanos(3))).isTrue();
        assertThat(rhythm.isFast(now + TimeUnit.MILLISECONDS.toNanos(5))).isFalse();
        beats(1, 1_000_000);
        assertThat(rhythm.isFast(now)).as("it begins anew after a pause").isFalse();
    }
}
