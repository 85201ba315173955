package io.holdfast.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class EagerBatchesTest {
    private final EagerBatches eager = new EagerBatches();

    private int after(int answers, double eachMs) {
        for (int i = 0; i < answers; i++) {
            eager.answered((long) (eachMs * TimeUnit.MILLISECONDS.toNanos(1)));
        }
        return eager.most();
    }

    @Test
    void shouldBeOneUntilAnswersAreKnownToBeQuick() {
        assertThat(eager.most()).isEqualTo(1);
        assertThat(after(40, 0.5)).isEqualTo(EagerBatches.MOST);
    }

    @Test
    void shouldBeFewerTheLongerAnswersTake() {
        assertThat(after(60, 1.2)).isEqualTo(4);
        assertThat(after(60, 2)).isEqualTo(2);
        assertThat(after(60, 3)).isEqualTo(1);
        assertThat(after(60, 100)).isEqualTo(1);
    }

    /** A leader is lost, and the next answers as quickly as the one before. */
    @Test
    void shouldForgetOneThatTookLong() {
        after(60, 0.5);
        assertThat(after(1, 8000)).isEqualTo(1);
        assertThat(after(32, 0.5)).isEqualTo(EagerBatches.MOST);
    }
}
