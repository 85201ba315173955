package io.holdfast.chaos.check;

import static io.holdfast.chaos.check.Told.list;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Set;
import org.junit.jupiter.api.Test;

class ScheduleCheckerTest {
    private static final long DUE = 5000;

    private final Told told = new Told();

    private Set<String> anomalies() {
        return told.anomalies(new ScheduleChecker());
    }

    private void schedule(long value) {
        told.done(0, "schedule", list(value, DUE));
    }

    private void came(Object... arrivals) {
        told.done(1, "arrivals", list(arrivals));
    }

    @Test
    void shouldFindNothingWrongWhereAllIsWell() {
        schedule(1);
        schedule(2);
        schedule(3);
        told.done(0, "cancel", 2L);
        told.invoke(0, "cancel", 3L).fail(0, "cancel", 3L); // too late
        told.invoke(0, "schedule", list(4L, DUE)).info(0, "schedule", list(4L, DUE));
        told.invoke(0, "schedule", list(5L, DUE)).fail(0, "schedule", list(5L, DUE));
        told.invoke(0, "schedule", list(6L, null)).ok(0, "schedule", list(6L, null));
        came(list(1, DUE), list(3, DUE + 1), list(6, 1));
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindWhatNeverCame() {
        schedule(1);
        came();
        assertThat(anomalies()).containsExactly("lost");
    }

    @Test
    void shouldFindWhatNeverCameAlthoughItWasTooLateToCancelIt() {
        schedule(1);
        told.invoke(0, "cancel", 1L).fail(0, "cancel", 1L);
        came();
        assertThat(anomalies()).containsExactly("lost");
    }

    @Test
    void shouldNotMissWhatMayHaveBeenCancelled() {
        schedule(1);
        told.invoke(0, "cancel", 1L).info(0, "cancel", 1L);
        came();
        assertThat(anomalies()).isEmpty();
    }

    @Test
    void shouldFindWhatCameTwice() {
        schedule(1);
        came(list(1, DUE), list(1, DUE));
        assertThat(anomalies()).containsExactly("duplicated");
    }

    @Test
    void shouldFindWhatCameBeforeItsTime() {
        schedule(1);
        came(list(1, DUE - 1));
        assertThat(anomalies()).containsExactly("early");
    }

    @Test
    void shouldFindWhatCameAlthoughItWasCancelled() {
        schedule(1);
        told.done(0, "cancel", 1L);
        came(list(1, DUE));
        assertThat(anomalies()).containsExactly("cancelled-came");
    }

    @Test
    void shouldFindWhatCameAlthoughItHadFailed() {
        told.invoke(0, "schedule", list(1L, DUE)).fail(0, "schedule", list(1L, DUE));
        came(list(1, DUE));
        assertThat(anomalies()).containsExactly("aborted");
    }

    @Test
    void shouldFindWhatNobodyScheduled() {
        came(list(1, DUE));
        assertThat(anomalies()).containsExactly("unexpected");
    }
}
