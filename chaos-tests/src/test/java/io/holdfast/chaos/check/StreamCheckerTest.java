package io.holdfast.chaos.check;

import static io.holdfast.chaos.check.Told.list;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class StreamCheckerTest {
    private static final int PARTITION = 3;

    private final Told told = new Told();

    private Set<String> anomalies() {
        return told.anomalies(new StreamChecker());
    }

    private void publish(long... offsets) {
        for (long offset : offsets) {
            told.invoke(0, "publish", offset).ok(0, "publish", list(PARTITION, offset));
        }
    }

    private void take(long process, long epoch, long first, long last) {
        told.invoke(process, "take", null);
        took(process, epoch, first, last);
    }

    private void took(long process, long epoch, long first, long last) {
        told.ok(process, "take", list(list(PARTITION, epoch, first, last)));
    }

    private void commit(long process, long epoch, long offset) {
        told.done(process, "commit", list(PARTITION, epoch, offset));
    }

    @Test
    void shouldFindNothingWrongWhereAllIsWell() {
        publish(0, 1, 2, 3, 4);
        take(1, 1, 0, 1);
        commit(1, 1, 2);
        take(1, 1, 2, 2);
        told.invoke(1, "take", null).ok(1, "take", list());
        take(2, 2, 2, 4); // what was not committed comes again
        commit(2, 2, 5);
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindWhatNobodyWasGiven() {
        publish(0, 1);
        take(1, 1, 0, 0);
        assertThat(anomalies()).containsExactly("unread");
    }

    @Test
    void shouldNotMissWhatWasNotAcknowledged() {
        publish(0);
        told.invoke(0, "publish", 1).info(0, "publish", 1);
        take(1, 1, 0, 0);
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindAnOwnerThatGoesOnBesideTheNext() {
        publish(0, 1);
        take(1, 1, 0, 0);
        take(2, 2, 0, 1);
        take(1, 1, 1, 1);
        assertThat(anomalies()).containsExactly("two-owners");
    }

    /** What was asked before may have been given before, and only be late in coming. */
    @Test
    void shouldAllowAnAnswerThatIsLate() {
        publish(0, 1);
        told.invoke(1, "take", null);
        take(2, 2, 0, 1);
        took(1, 1, 0, 0);
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindAnOwnerThatLeavesOutItsOwnNext() {
        publish(0, 1, 2);
        take(1, 1, 0, 0);
        take(1, 1, 2, 2);
        assertThat(anomalies()).containsExactly("skipped");
    }

    @Test
    void shouldFindANextOwnerThatLeavesOutSome() {
        publish(0, 1, 2);
        take(1, 1, 0, 0);
        take(2, 2, 2, 2);
        assertThat(anomalies()).containsExactly("skipped");
    }

    @Test
    void shouldFindACommitOfOneWhoseTimeIsOver() {
        publish(0);
        take(1, 1, 0, 0);
        take(2, 2, 0, 0);
        commit(1, 1, 1);
        assertThat(anomalies()).containsExactlyInAnyOrder("late-commit", "read-again");
    }

    @Test
    void shouldAllowACommitThatWasAskedInTime() {
        publish(0);
        take(1, 1, 0, 0);
        told.invoke(1, "commit", list(PARTITION, 1, 1));
        take(2, 2, 1, 1);
        told.ok(1, "commit", list(PARTITION, 1, 1));
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindWhatComesAgainAfterItWasCommitted() {
        publish(0, 1);
        take(1, 1, 0, 1);
        commit(1, 1, 2);
        take(2, 2, 1, 1);
        assertThat(anomalies()).containsExactly("read-again");
    }
}
