package io.holdfast.chaos.check;

import static io.holdfast.chaos.check.Told.list;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RegisterCheckerTest {
    private static Set<String> anomalies(Told told) {
        return told.anomalies(new RegisterChecker());
    }

    private static Told read(Told told, long process, Object x) {
        return told.invoke(process, "read", list("k", null)).ok(process, "read", list("k", x));
    }

    @Test
    void shouldAcceptOneAfterTheOther() {
        Told told = new Told().done(0, "write", list("k", 1));
        read(told, 1, 1).done(0, "cas", list("k", list(1, 2)));
        assertThat(anomalies(read(told, 1, 2))).isEmpty();
    }

    @Test
    void shouldFindAStaleRead() {
        Told told = new Told().done(0, "write", list("k", 1)).done(0, "write", list("k", 2));
        assertThat(anomalies(read(told, 1, 1))).containsExactly("not-linearizable");
    }

    @Test
    void shouldFindAReadThatGoesBack() {
        Told told = new Told().done(0, "write", list("k", 1)).invoke(0, "write", list("k", 2));
        read(told, 1, 2);
        read(told, 1, 1).ok(0, "write", list("k", 2));
        assertThat(anomalies(told)).containsExactly("not-linearizable");
    }

    @Test
    void shouldLetAReadThatIsStillUnderWayHaveSeenWhatWasBefore() {
        assertThat(anomalies(new Told()
                        .done(0, "write", list("k", 1))
                        .invoke(1, "read", list("k", null))
                        .done(0, "write", list("k", 2))
                        .ok(1, "read", list("k", 1))))
                .isEmpty();
    }

    @Test
    void shouldLetADoubtfulWriteHappenLateOrNever() {
        Told told = new Told()
                .done(0, "write", list("k", 1))
                .invoke(1, "write", list("k", 2))
                .info(1, "write", list("k", 2));
        read(told, 2, 1);
        read(told, 2, 2);
        assertThat(anomalies(told)).isEmpty();
        read(told, 2, 1);
        assertThat(anomalies(told)).containsExactly("not-linearizable");
    }

    @Test
    void shouldFindAFailedWriteThatHappened() {
        Told told = new Told()
                .done(0, "write", list("k", 1))
                .invoke(1, "write", list("k", 2))
                .fail(1, "write", list("k", 2));
        assertThat(anomalies(read(told, 2, 2))).containsExactly("not-linearizable");
    }

    @Test
    void shouldFindACasOfWhatWasNotThere() {
        assertThat(anomalies(new Told().done(0, "write", list("k", 1)).done(1, "cas", list("k", list(7, 8)))))
                .containsExactly("not-linearizable");
    }

    @Test
    void shouldSayWhenItCannotTell() {
        Told told = new Told();
        for (int process = 0; process < 64; process++) {
            told.invoke(process, "write", list("k", process)).info(process, "write", list("k", process));
        }
        assertThat(anomalies(told)).containsExactly("unjudged");
    }

    /** A real register, asked by four at a time, each taking effect at some instant in between. */
    @Test
    void shouldAcceptWhatARegisterDoes() {
        for (long seed = 0; seed < 200; seed++) {
            assertThat(anomalies(simulate(seed, false))).as("seed " + seed).isEmpty();
        }
    }

    @Test
    void shouldFindAReplicaThatLagsBehind() {
        int found = 0;
        for (long seed = 0; seed < 200; seed++) {
            found += anomalies(simulate(seed, true)).isEmpty() ? 0 : 1;
        }
        assertThat(found).isGreaterThan(150);
    }

    private static Told simulate(long seed, boolean readsLag) {
        Random random = new Random(seed);
        Told told = new Told();
        Integer[] register = {null};
        Integer before = null;
        boolean[] busy = new boolean[4];
        boolean[] applied = new boolean[4];
        Object[] asked = new Object[4];
        Object[] answer = new Object[4];
        for (int step = 0; step < 300; step++) {
            int p = random.nextInt(4);
            if (!busy[p]) {
                busy[p] = true;
                applied[p] = false;
                asked[p] = random.nextInt(3) == 0 ? Integer.valueOf(step) : null;
                told.invoke(p, asked[p] == null ? "read" : "write", list("k", asked[p]));
            } else if (!applied[p]) {
                applied[p] = true;
                if (asked[p] instanceof Integer x) {
                    before = register[0];
                    register[0] = x;
                } else {
                    answer[p] = readsLag && random.nextInt(4) == 0 ? before : register[0];
                }
            } else {
                busy[p] = false;
                told.ok(p, asked[p] == null ? "read" : "write", list("k", asked[p] == null ? answer[p] : asked[p]));
            }
        }
        return told;
    }
}
