package io.holdfast.chaos.check;

import static io.holdfast.chaos.check.Told.list;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class QueueCheckerTest {
    private static Set<String> anomalies(Told told) {
        return told.anomalies(new QueueChecker());
    }

    private static Told lease(Told told, long process, long value, long token) {
        return told.invoke(process, "lease", null).ok(process, "lease", list(list(value, token, 1000)));
    }

    private static Told with(long... values) {
        Told told = new Told();
        for (long value : values) {
            told.done(0, "enqueue", value);
        }
        return told;
    }

    @Test
    void shouldFindNothingWrongWhereAllIsWell() {
        Told told = with(1, 2, 3, 4);
        lease(told, 1, 1, 100).done(1, "settle", list(1, 100, "done"));
        lease(told, 1, 2, 101).done(1, "settle", list(2, 101, "again"));
        lease(told, 2, 2, 102).done(2, "settle", list(2, 102, "dead"));
        lease(told, 1, 3, 103).after(1100); // forgotten
        lease(told, 2, 3, 104)
                .invoke(1, "settle", list(3, 103, "done"))
                .fail(1, "settle", list(3, 103, "done"))
                .done(2, "settle", list(3, 104, "done"))
                .done(3, "dequeue", 4)
                .done(4, "drain-dead", list(2));
        assertThat(anomalies(told)).isEmpty();
    }

    @Test
    void shouldFindWhatNeverCameOut() {
        assertThat(anomalies(with(1))).containsExactly("lost");
    }

    @Test
    void shouldFindWhatCameOutAndWasNeverDone() {
        assertThat(anomalies(lease(with(1), 1, 1, 100))).containsExactly("lost");
    }

    @Test
    void shouldTakeADoubtfulSettlementForAnEnd() {
        assertThat(anomalies(lease(with(1), 1, 1, 100)
                        .invoke(1, "settle", list(1, 100, "done"))
                        .info(1, "settle", list(1, 100, "done"))))
                .isEmpty();
    }

    @Test
    void shouldTakeWhatIsLeftOverForThere() {
        assertThat(anomalies(with(1, 2).done(3, "drain", list(1, 2)))).isEmpty();
    }

    @Test
    void shouldFindTwoLeasesAtATime() {
        Told told = lease(with(1), 1, 1, 100);
        lease(told, 2, 1, 101).done(2, "settle", list(1, 101, "done"));
        assertThat(anomalies(told)).containsExactly("two-leases");
    }

    @Test
    void shouldAllowTheNextLeaseWhenTheFirstMayHaveEnded() {
        Told told = lease(with(1), 1, 1, 100).invoke(1, "settle", list(1, 100, "again"));
        lease(told, 2, 1, 101).done(2, "settle", list(1, 101, "done"));
        assertThat(anomalies(told)).isEmpty();
    }

    @Test
    void shouldFindASettlementThatCameTooLate() {
        Told told = lease(with(1), 1, 1, 100).after(1100);
        lease(told, 2, 1, 101).done(1, "settle", list(1, 100, "done"));
        assertThat(anomalies(told)).containsExactly("late-settle");
    }

    @Test
    void shouldFindWhatIsLeasedAfterItWasDone() {
        Told told = lease(with(1), 1, 1, 100).done(1, "settle", list(1, 100, "done"));
        assertThat(anomalies(lease(told, 2, 1, 101))).containsExactly("redelivered");
    }

    @Test
    void shouldFindWhatIsDoneTwice() {
        assertThat(anomalies(with(1).done(1, "dequeue", 1).done(2, "dequeue", 1)))
                .containsExactly("duplicated");
    }

    @Test
    void shouldFindWhatDiedTwice() {
        Told told = lease(with(1), 1, 1, 100).done(1, "settle", list(1, 100, "dead"));
        assertThat(anomalies(told.done(3, "drain-dead", list(1, 1)))).containsExactly("duplicated");
    }

    @Test
    void shouldFindWhatIsDoneAndDead() {
        Told told = lease(with(1), 1, 1, 100).done(1, "settle", list(1, 100, "done"));
        assertThat(anomalies(told.done(3, "drain-dead", list(1)))).containsExactly("done-and-dead");
    }

    @Test
    void shouldFindWhatDiedAndIsNotAmongTheDead() {
        Told told = lease(with(1), 1, 1, 100).done(1, "settle", list(1, 100, "dead"));
        assertThat(anomalies(told.done(3, "drain-dead", list()))).containsExactly("dead-unseen");
    }

    @Test
    void shouldFindWhatWasNeverPutIn() {
        assertThat(anomalies(new Told().done(1, "dequeue", 7))).containsExactly("unexpected");
    }

    @Test
    void shouldFindAFailedPutThatHappened() {
        assertThat(anomalies(
                        new Told().invoke(0, "enqueue", 1).fail(0, "enqueue", 1).done(1, "dequeue", 1)))
                .containsExactly("aborted-read");
    }
}
