package io.holdfast.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class ConsumeLoadTest {
    private static final int RECORDS = 3;

    @Test
    void shouldReadATopicOnce() throws Exception {
        ThreeRecords target = new ThreeRecords();
        LoadResult result = new ConsumeLoad(shape(), false).run(target, new ProcessCosts(List.of()), interval -> {});
        assertThat(result.records()).isEqualTo(RECORDS);
        assertThat(target.opened).isEqualTo(1);
    }

    @Test
    void shouldReadATopicAgainUntilTheTimeIsOver() throws Exception {
        ThreeRecords target = new ThreeRecords();
        LoadResult result = new ConsumeLoad(shape(), true).run(target, new ProcessCosts(List.of()), interval -> {});
        assertThat(target.opened).isGreaterThan(2);
        assertThat(result.records()).isBetween((long) RECORDS, (long) target.opened * RECORDS);
    }

    private static LoadShape shape() {
        return new LoadShape("t", 1, 16, 0, 1024, 1024, Duration.ZERO, "none", Duration.ZERO, Duration.ofMillis(200));
    }

    /** A topic of three records, which come one by one, each after a millisecond. */
    private static final class ThreeRecords extends PartialTarget {
        private int opened;

        @Override
        public Source consume(String topic, boolean fromStart) {
            assertThat(fromStart).isTrue();
            opened++;
            return new Source() {
                private int left = RECORDS;

                @Override
                public int poll(Duration patience, Consumer<byte[]> record) throws InterruptedException {
                    Thread.sleep(1);
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
