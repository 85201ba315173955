package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.chaos.QueueHistory.Ending;
import io.holdfast.chaos.QueueHistory.Wish;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** The checker finds what is planted, and nothing else. */
class QueueHistoryTest {
    private final QueueHistory history = new QueueHistory();

    private List<String> check(String... dead) {
        return history.check(Set.of("r"), List.of(dead));
    }

    @Test
    void shouldBeContentWithARecordThatFailsOnceAndIsDone() {
        history.delivered("r", 1, 1, "a", 10);
        history.settled("r", 1, Wish.AGAIN, Ending.ACCEPTED, 11, 12);
        history.delivered("r", 2, 2, "b", 20);
        history.settled("r", 2, Wish.DONE, Ending.ACCEPTED, 21, 22);
        history.settled("r", 1, Wish.DONE, Ending.REFUSED, 23, 24);
        assertThat(check()).isEmpty();
    }

    @Test
    void shouldFindALostRecord() {
        history.delivered("r", 1, 1, "a", 10);
        assertThat(check()).singleElement().asString().startsWith("lost");
    }

    @Test
    void shouldNotCallLostWhatMayBeDone() {
        history.delivered("r", 1, 1, "a", 10);
        history.settled("r", 1, Wish.DONE, Ending.UNKNOWN, 11, 12);
        assertThat(check()).isEmpty();
    }

    @Test
    void shouldFindADeliveryAfterTheEnd() {
        history.delivered("r", 1, 1, "a", 10);
        history.settled("r", 1, Wish.DONE, Ending.ACCEPTED, 11, 12);
        history.delivered("r", 2, 2, "b", 20);
        assertThat(check()).anyMatch(finding -> finding.startsWith("delivered although it was finished"));
    }

    @Test
    void shouldFindTwoLiveLeases() {
        history.delivered("r", 1, 1, "a", 10);
        history.delivered("r", 2, 2, "b", 20);
        history.settled("r", 1, Wish.AGAIN, Ending.ACCEPTED, 21, 22);
        history.settled("r", 2, Wish.DONE, Ending.ACCEPTED, 21, 22);
        assertThat(check()).anyMatch(finding -> finding.startsWith("accepted although somebody else had it"));
    }

    @Test
    void shouldFindTwoEnds() {
        history.delivered("r", 1, 1, "a", 10);
        history.settled("r", 1, Wish.DONE, Ending.ACCEPTED, 11, 12);
        history.settled("r", 1, Wish.DONE, Ending.ACCEPTED, 13, 14);
        assertThat(check()).anyMatch(finding -> finding.startsWith("finished twice"));
    }

    @Test
    void shouldFindALeaseGivenTwiceAndACountThatStands() {
        history.delivered("r", 1, 1, "a", 10);
        history.delivered("r", 1, 1, "b", 11);
        history.delivered("r", 2, 1, "b", 12);
        history.settled("r", 2, Wish.DONE, Ending.ACCEPTED, 21, 22);
        assertThat(check())
                .anyMatch(finding -> finding.startsWith("one lease for two"))
                .anyMatch(finding -> finding.startsWith("deliveries are not counted up"));
    }

    @Test
    void shouldFindDeadLettersThatAreMissingDoubleOrTooMany() {
        history.delivered("r", 1, 1, "a", 10);
        history.settled("r", 1, Wish.DEAD, Ending.ACCEPTED, 11, 12);
        assertThat(check("r")).isEmpty();
        assertThat(check()).singleElement().asString().startsWith("dead, and not in");
        assertThat(check("r", "r")).singleElement().asString().startsWith("dead-lettered 2 times");
        QueueHistory done = new QueueHistory();
        done.delivered("r", 1, 1, "a", 10);
        done.settled("r", 1, Wish.DONE, Ending.ACCEPTED, 11, 12);
        assertThat(done.check(Set.of("r"), List.of("r")))
                .singleElement()
                .asString()
                .startsWith("done, and dead all the same");
    }
}
