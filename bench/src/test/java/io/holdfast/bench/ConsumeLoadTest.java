package io.holdfast.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ConsumeLoadTest {
    private static final int RECORDS = 3;
    private static final Duration MEASURED = Duration.ofMillis(200);
    private static final Duration POLL = Duration.ofMillis(1);

    private long nanos;

    @Test
    void shouldReadATopicOnce() throws Exception {
        ThreeRecords target = new ThreeRecords();
        LoadResult result = run(target, false);
        assertThat(result.records()).isEqualTo(RECORDS);
        // From the first record on, without the poll that found no more.
        assertThat(result.seconds()).isEqualTo((RECORDS - 1) * POLL.toNanos() / 1e9);
        assertThat(target.opened).isEqualTo(1);
    }

    @Test
    void shouldReadATopicAgainUntilTheTimeIsOver() throws Exception {
        ThreeRecords target = new ThreeRecords();
        LoadResult result = run(target, true);
        assertThat(target.opened).isEqualTo(50); // three polls that bring a record and one that brings none, 1 ms each
        assertThat(result.records()).isEqualTo(50 * RECORDS);
    }

    private LoadResult run(ThreeRecords target, boolean again) throws Exception {
        return new ConsumeLoad(shape(), again, () -> nanos).run(target, new ProcessCosts(List.of()), interval -> {});
    }

    private static LoadShape shape() {
        return new LoadShape("t", 1, 16, 0, 1024, 1024, Duration.ZERO, "none", Duration.ZERO, MEASURED);
    }

    /** A topic of three records, which come one by one; a poll takes {@link #POLL}, by the clock of the test. */
    private final class ThreeRecords extends PartialTarget {
        private int opened;

        @Override
        public Source consume(String topic, boolean fromStart) {
            assertThat(fromStart).isTrue();
            opened++;
            return new Source() {
                private int left = RECORDS;

                @Override
                public int poll(Duration patience, Consumer<byte[]> record) {
                    nanos += POLL.toNanos();
                    if (left == 0) {
                        return 0;
                    }
                    left--;
                    record.accept(new byte[16]);
                    return 1;
                }

                @Override
                public void close() {}
            };
        }
    }
}
