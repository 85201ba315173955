package io.holdfast.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class BatchMemoryTest {
    private final BatchMemory memory = new BatchMemory(1000);

    @Test
    void shouldUseAgainWhatWasGivenBack() {
        byte[] first = memory.take(1000);
        byte[] second = memory.take(500);
        assertThat(first).hasSize(1000).isNotSameAs(second);

        memory.giveBack(first);

        assertThat(memory.take(900)).isSameAs(first);
        assertThat(memory.take(900)).isNotSameAs(first).isNotSameAs(second);
    }

    @Test
    void shouldHaveNothingForBatchesThatWouldLeaveMostOfItEmpty() {
        assertThat(memory.take(499)).isNull();
    }

    @Test
    void shouldLetGoOfWhatIsNotNeededAndKeepWhatIs() {
        List<byte[]> burst = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            burst.add(memory.take(1000));
        }
        for (byte[] array : burst) {
            array[0] = 1;
            memory.giveBack(array);
        }
        memory.trim(); // what is free now was needed since the last one

        for (int i = 0; i < 20; i++) {
            memory.giveBack(memory.take(1000));
            memory.trim();
        }

        assertThat(memory.take(1000)[0]).as("one was needed all the time").isEqualTo((byte) 1);
        assertThat(memory.take(1000)[0]).as("no other was").isZero();
    }
}
