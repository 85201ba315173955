package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class EntriesUnderWayTest {
    private boolean busy;

    @Test
    void shouldBeFewWhileTheProcessorsAreBusy() {
        EntriesUnderWay entries = new EntriesUnderWay(2, () -> busy);
        assertThat(entries.getAsInt()).isEqualTo(3);
        busy = true;
        assertThat(entries.getAsInt()).isEqualTo(1);
    }

    @Test
    void shouldGrowWithTheMachine() {
        EntriesUnderWay entries = new EntriesUnderWay(16, () -> busy);
        assertThat(entries.getAsInt()).isEqualTo(24);
        busy = true;
        assertThat(entries.getAsInt()).isEqualTo(8);
    }
}
