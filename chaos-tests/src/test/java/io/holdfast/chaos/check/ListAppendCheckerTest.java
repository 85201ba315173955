package io.holdfast.chaos.check;

import static io.holdfast.chaos.check.Told.list;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ListAppendCheckerTest {
    private static Set<String> anomalies(Told told) {
        return told.anomalies(new ListAppendChecker());
    }

    private static List<?> append(long value) {
        return list(list("append", "k", value));
    }

    private static Told read(Told told, long process, Object... values) {
        return told.invoke(process, "txn", list(list("r", "k", null)))
                .ok(process, "txn", list(list("r", "k", list(values))));
    }

    private static Told with(long... values) {
        Told told = new Told();
        for (long value : values) {
            told.done(0, "txn", append(value));
        }
        return told;
    }

    @Test
    void shouldFindNothingWrongWhereAllIsWell() {
        Told told = with(1, 2);
        read(told, 1, 1, 2).invoke(2, "txn", append(3)).info(2, "txn", append(3));
        read(told, 1, 1, 2);
        assertThat(anomalies(read(told, 1, 1, 2, 3))).isEmpty();
    }

    @Test
    void shouldFindAReadWithoutWhatWasAcknowledged() {
        assertThat(anomalies(read(with(1, 2), 1, 1))).containsExactly("stale-read");
    }

    @Test
    void shouldFindAReadWithoutWhatSomebodyElseHasRead() {
        Told told = with(1).invoke(2, "txn", append(2));
        read(told, 1, 1, 2);
        assertThat(anomalies(read(told, 3, 1))).containsExactly("stale-read");
    }

    @Test
    void shouldFindTwoOrders() {
        Told told = new Told().invoke(0, "txn", append(1)).invoke(1, "txn", append(2));
        read(told, 3, 1, 2);
        assertThat(anomalies(read(told, 3, 2, 1))).containsExactly("incompatible-order");
    }

    @Test
    void shouldFindAnElementTwice() {
        assertThat(anomalies(read(with(1), 1, 1, 1))).containsExactly("duplicate-elements");
    }

    @Test
    void shouldFindAnElementThatOvertook() {
        assertThat(anomalies(read(with(1, 2), 1, 2, 1))).containsExactly("reordered-append");
    }

    @Test
    void shouldFindAnElementNobodyAppended() {
        assertThat(anomalies(read(with(1), 1, 1, 9))).containsExactly("phantom-value");
    }

    @Test
    void shouldFindAFailedAppendThatHappened() {
        Told told = with(1).invoke(2, "txn", append(2)).fail(2, "txn", append(2));
        assertThat(anomalies(read(told, 1, 1, 2))).containsExactly("aborted-read");
    }
}
