package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class EntriesUnderWayTest {
    private double load;
    private long now;

    private int after(long millis, double newLoad, EntriesUnderWay entries) {
        load = newLoad;
        now += TimeUnit.MILLISECONDS.toNanos(millis);
        return entries.getAsInt();
    }

    @Test
    void shouldBeFewWhileTheProcessorsAreBusy() {
        EntriesUnderWay entries = new EntriesUnderWay(2, () -> load, () -> now);
        assertThat(entries.getAsInt()).isEqualTo(3);
        assertThat(after(200, 0.99, entries)).isEqualTo(1);
        assertThat(after(200, 0.99, entries)).isEqualTo(1);
        assertThat(after(200, 0.5, entries)).isEqualTo(3);
    }

    @Test
    void shouldGrowWithTheMachine() {
        EntriesUnderWay entries = new EntriesUnderWay(16, () -> load, () -> now);
        assertThat(entries.getAsInt()).isEqualTo(24);
        assertThat(after(200, 0.9, entries)).isEqualTo(8);
    }

    @Test
    void shouldLookOnlyNowAndThen() {
        EntriesUnderWay entries = new EntriesUnderWay(2, () -> load, () -> now);
        assertThat(after(199, 0.99, entries)).isEqualTo(3);
        assertThat(after(1, 0.99, entries)).isEqualTo(1);
    }

    /** Where the system does not say, as many as where there is time to spare. */
    @Test
    void shouldTakeNoAnswerForIdle() {
        EntriesUnderWay entries = new EntriesUnderWay(2, () -> load, () -> now);
        assertThat(after(200, -1, entries)).isEqualTo(3);
    }

    @Test
    void shouldHearOfThisMachine() {
        assertThat(EntriesUnderWay.ofThisMachine().getAsInt()).isPositive();
    }
}
