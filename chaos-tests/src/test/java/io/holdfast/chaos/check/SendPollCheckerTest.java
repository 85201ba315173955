package io.holdfast.chaos.check;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class SendPollCheckerTest {
    private static Set<String> anomalies(Told told) {
        return told.anomalies(new SendPollChecker());
    }

    @Test
    void shouldFindNothingWrongWhereAllIsWell() {
        Verdict verdict = new Told()
                .sendDone(0, 1, 0, 10)
                .send(0, 1, 11)
                .info(0, "send", Told.list(Told.list("send", 1, 11)))
                .send(1, 1, 12)
                .fail(1, "send", Told.list(Told.list("send", 1, 12)))
                .sendDone(1, 1, 2, 13)
                .poll(5, 1, 0, 10, 1, 11)
                .poll(5, 1, 2, 13)
                .finalPoll(6, "n1", 1, 0, 10, 1, 11, 2, 13)
                .finalPoll(7, "n2", 1, 0, 10, 1, 11, 2, 13)
                .verdict(new SendPollChecker());
        assertThat(verdict.anomalies()).isEmpty();
        assertThat(verdict.ok()).isEqualTo(8);
        assertThat(verdict.failed()).isEqualTo(1);
        assertThat(verdict.doubtful()).isEqualTo(1);
    }

    @Test
    void shouldFindALostWrite() {
        assertThat(anomalies(
                        new Told().sendDone(0, 1, 0, 10).sendDone(0, 1, 1, 11).finalPoll(6, "n1", 1, 0, 10)))
                .containsExactly("lost-write");
    }

    @Test
    void shouldFindWhatOneNodeHasNot() {
        assertThat(anomalies(new Told()
                        .sendDone(0, 1, 0, 10)
                        .sendDone(0, 1, 1, 11)
                        .finalPoll(6, "n1", 1, 0, 10, 1, 11)
                        .finalPoll(7, "n2", 1, 0, 10)))
                .containsExactlyInAnyOrder("unseen-on-node", "replicas-differ");
    }

    @Test
    void shouldFindANodeThatHasNothing() {
        assertThat(anomalies(new Told()
                        .sendDone(0, 1, 0, 10)
                        .finalPoll(6, "n1", 1, 0, 10)
                        .finalPoll(7, "n2", 1)))
                .contains("unseen-on-node");
    }

    @Test
    void shouldFindADoubtfulValueThatOnlyOneReplicaHas() {
        assertThat(anomalies(new Told()
                        .send(0, 1, 10)
                        .info(0, "send", Told.list(Told.list("send", 1, 10)))
                        .finalPoll(6, "n1", 1, 0, 10)
                        .finalPoll(7, "n2", 1)))
                .containsExactly("replicas-differ");
    }

    @Test
    void shouldFindADuplicate() {
        assertThat(anomalies(new Told().sendDone(0, 1, 0, 10).finalPoll(6, "n1", 1, 0, 10, 1, 10)))
                .containsExactly("duplicate");
    }

    @Test
    void shouldFindTwoValuesAtOneOffset() {
        assertThat(anomalies(
                        new Told().sendDone(0, 1, 0, 10).sendDone(1, 1, 0, 11).finalPoll(6, "n1", 1, 0, 10)))
                .contains("inconsistent-offsets");
    }

    @Test
    void shouldFindReplicasWithDifferentValuesAtOneOffset() {
        assertThat(anomalies(new Told()
                        .send(0, 1, 10)
                        .send(1, 1, 11)
                        .finalPoll(6, "n1", 1, 0, 10)
                        .finalPoll(7, "n2", 1, 0, 11)))
                .contains("inconsistent-offsets");
    }

    @Test
    void shouldFindAValueNobodySent() {
        assertThat(anomalies(new Told().sendDone(0, 1, 0, 10).finalPoll(6, "n1", 1, 0, 10, 1, 99)))
                .containsExactly("phantom-value");
    }

    @Test
    void shouldFindAFailedSendThatHappened() {
        assertThat(anomalies(new Told()
                        .send(0, 1, 10)
                        .fail(0, "send", Told.list(Told.list("send", 1, 10)))
                        .poll(5, 1, 0, 10)
                        .finalPoll(6, "n1", 1, 0, 10)))
                .containsExactly("aborted-read");
    }

    @Test
    void shouldFindASendThatOvertookOneBeforeIt() {
        assertThat(anomalies(
                        new Told().sendDone(0, 1, 1, 10).sendDone(1, 1, 0, 11).finalPoll(6, "n1", 1, 0, 11, 1, 10)))
                .containsExactly("reordered-send");
    }

    @Test
    void shouldAllowConcurrentSendsEitherOrder() {
        assertThat(anomalies(new Told()
                        .send(0, 1, 10)
                        .send(1, 1, 11)
                        .sent(1, 1, 1, 11)
                        .sent(0, 1, 0, 10)
                        .finalPoll(6, "n1", 1, 0, 10, 1, 11)))
                .isEmpty();
    }

    @Test
    void shouldFindAReaderThatGoesBack() {
        assertThat(anomalies(new Told()
                        .sendDone(0, 1, 0, 10)
                        .sendDone(0, 1, 1, 11)
                        .poll(5, 1, 0, 10, 1, 11)
                        .poll(5, 1, 1, 11)
                        .finalPoll(6, "n1", 1, 0, 10, 1, 11)))
                .containsExactly("nonmonotonic-poll");
    }

    @Test
    void shouldLetAReaderGoBackThatWasAssignedAnew() {
        assertThat(anomalies(new Told()
                        .sendDone(0, 1, 0, 10)
                        .poll(5, 1, 0, 10)
                        .done(5, "assign", Told.list(1))
                        .poll(5, 1, 0, 10)
                        .finalPoll(6, "n1", 1, 0, 10)))
                .isEmpty();
    }

    @Test
    void shouldFindAReaderThatSkips() {
        assertThat(anomalies(new Told()
                        .sendDone(0, 1, 0, 10)
                        .sendDone(0, 1, 1, 11)
                        .sendDone(0, 1, 2, 12)
                        .poll(5, 1, 0, 10)
                        .poll(5, 1, 2, 12)
                        .finalPoll(6, "n1", 1, 0, 10, 1, 11, 2, 12)))
                .containsExactly("poll-skip");
    }

    @Test
    void shouldFindASkipWithinAPollOverWhatIsKnownOnlyLater() {
        assertThat(anomalies(new Told()
                        .send(0, 1, 11)
                        .sendDone(1, 1, 0, 10)
                        .sendDone(1, 1, 2, 12)
                        .poll(5, 1, 0, 10, 2, 12)
                        .sent(0, 1, 1, 11)
                        .finalPoll(6, "n1", 1, 0, 10, 1, 11, 2, 12)))
                .containsExactly("poll-skip");
    }

    @Test
    void shouldNotJudgeLossWithoutFinalPolls() {
        assertThat(anomalies(new Told().sendDone(0, 1, 0, 10).poll(5, 1, 0, 10)))
                .containsExactly("no-final-poll");
    }
}
