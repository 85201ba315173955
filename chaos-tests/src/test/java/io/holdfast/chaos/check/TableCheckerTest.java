package io.holdfast.chaos.check;

import static io.holdfast.chaos.check.Told.list;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class TableCheckerTest {
    private final Told told = new Told();

    private Set<String> anomalies() {
        return told.anomalies(new TableChecker());
    }

    private void put(long key, long value) {
        told.done(0, "put", list(key, value));
    }

    private void scan(Object... found) {
        told.done(1, "scan", list(found));
    }

    @Test
    void shouldFindNothingWrongWhereAllIsWell() {
        put(1, 1);
        put(2, 1);
        told.invoke(0, "put", list(2L, 2L)).fail(0, "put", list(2L, 2L));
        scan(list(1, 1), list(2, 1));
        put(1, 2);
        put(1, 3);
        told.invoke(0, "put", list(3L, 1L)).info(0, "put", list(3L, 1L));
        told.invoke(2, "put", list(4L, 1L)).info(2, "put", list(4L, 1L));
        scan(list(1, 1), list(2, 1), list(1, 3), list(3, 1));
        told.invoke(1, "scan", null).fail(1, "scan", null);
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldNotExpectWhatWasPutWhileItRead() {
        put(1, 1);
        told.invoke(1, "scan", null);
        put(1, 2);
        told.ok(1, "scan", list(list(1, 1)));
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindAKeyThatIsNotThere() {
        put(1, 1);
        scan();
        assertThat(anomalies()).containsExactly("lost");
    }

    @Test
    void shouldFindAnOldValueThatCameBack() {
        put(1, 1);
        put(1, 2);
        scan(list(1, 1));
        assertThat(anomalies()).containsExactly("lost");
    }

    @Test
    void shouldFindValuesOutOfOrder() {
        put(1, 1);
        put(1, 2);
        put(1, 3);
        scan(list(1, 2), list(1, 1), list(1, 3));
        assertThat(anomalies()).containsExactly("backwards");
    }

    @Test
    void shouldFindAValueThatIsThereTwice() {
        put(1, 1);
        scan(list(1, 1), list(1, 1));
        assertThat(anomalies()).containsExactly("duplicated");
    }

    @Test
    void shouldFindWhatHadFailed() {
        told.invoke(0, "put", list(1L, 1L));
        scan(list(1, 1));
        told.fail(0, "put", list(1L, 1L));
        assertThat(anomalies()).containsExactly("aborted");
    }

    @Test
    void shouldFindWhatNobodyPut() {
        scan(list(1, 1));
        assertThat(anomalies()).containsExactly("unexpected");
    }

    @Test
    void shouldFindThatNothingWasRead() {
        put(1, 1);
        assertThat(anomalies()).containsExactly("unread");
    }
}
