package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SharedEntriesTest {
    private boolean busy = true;
    private long nowMs = 1000;
    private final SharedEntries entries = with(2);

    private SharedEntries with(int processors) {
        return new SharedEntries(processors, () -> busy, () -> TimeUnit.MILLISECONDS.toNanos(nowMs));
    }

    private static long ms(long nanos) {
        return TimeUnit.NANOSECONDS.toMillis(nanos);
    }

    @Test
    void shouldNotLetOneWaitThatIsAlone() {
        assertThat(entries.waitNanos("a")).isNotPositive();
        for (int i = 0; i < 5; i++) {
            entries.commanded("a");
            assertThat(entries.waitNanos("a")).isNotPositive();
        }
    }

    @Test
    void shouldLetThemWaitTheLongerTheMoreThereAre() {
        entries.commanded("a");
        entries.commanded("b");
        assertThat(ms(entries.waitNanos("a"))).isEqualTo(60);
        entries.commanded("c");
        assertThat(ms(entries.waitNanos("a"))).isEqualTo(120);
        nowMs += 50;
        assertThat(ms(entries.waitNanos("a"))).isEqualTo(70);
        for (int i = 0; i < 100; i++) {
            entries.commanded(i);
        }
        assertThat(ms(entries.waitNanos("a"))).as("since its last").isEqualTo(ms(SharedEntries.WAIT_NANOS_MAX) - 50);
    }

    @Test
    void shouldNotLetThoseWaitThatHaveNoCommands() {
        entries.commanded("a");
        entries.commanded("b");
        assertThat(entries.waitNanos("c")).isZero();
    }

    @Test
    void shouldLetThemWaitTheLessTheMoreProcessorsThereAre() {
        SharedEntries large = with(12);
        large.commanded("a");
        large.commanded("b");
        assertThat(ms(large.waitNanos("a"))).isEqualTo(10);
    }

    @Test
    void shouldLetNobodyWaitWhileThereIsTimeToSpare() {
        entries.commanded("a");
        entries.commanded("b");
        busy = false;
        assertThat(entries.waitNanos("a")).isZero();
    }

    @Test
    void shouldForgetThoseThatHaveNoCommandsAnyMore() {
        entries.commanded("a");
        nowMs += ms(SharedEntries.WAIT_NANOS_MAX);
        entries.commanded("b");
        assertThat(ms(entries.waitNanos("b"))).as("the other is still there").isEqualTo(60);
        nowMs += 2 * ms(SharedEntries.WAIT_NANOS_MAX);
        entries.commanded("b");
        assertThat(entries.waitNanos("b")).isNotPositive();
        busy = false;
        nowMs += 2 * ms(SharedEntries.WAIT_NANOS_MAX) + 1;
        entries.commanded("c");
        assertThat(entries.size()).as("also where nobody asks").isEqualTo(1);
    }
}
