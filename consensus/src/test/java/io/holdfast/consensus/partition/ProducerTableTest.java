package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.ProducerIdSpace;
import io.holdfast.consensus.partition.ProducerTable.Decision;
import io.holdfast.consensus.partition.ProducerTable.Verdict;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ProducerTableTest {
    private static final long ID = 42;
    private final ProducerTable table = new ProducerTable();

    @Test
    void shouldFollowTheTableOfSemantics() {
        assertThat(decide(0, 5, 3).verdict()).isEqualTo(Verdict.UNKNOWN_PRODUCER);
        append(1, 0, 10, 100);
        assertThat(decide(0, 10, 5).verdict()).isEqualTo(Verdict.FENCED);
        assertThat(decide(0, 10, 5).expected()).isEqualTo(1);
        assertThat(decide(2, 3, 5)).isEqualTo(Decision.of(Verdict.GAP, 0));
        assertThat(decide(2, 0, 5).verdict()).isEqualTo(Verdict.APPEND);
        assertThat(decide(1, 10, 5)).isEqualTo(Decision.of(Verdict.APPEND, 0));
        assertThat(decide(1, 12, 5)).isEqualTo(Decision.of(Verdict.GAP, 10));
        assertThat(decide(1, 0, 10)).isEqualTo(new Decision(Verdict.DUPLICATE, 0, 100, 0));
        assertThat(decide(1, 4, 2)).isEqualTo(new Decision(Verdict.DUPLICATE, 0, 104, 0));
        assertThat(decide(1, 7, 8)).isEqualTo(new Decision(Verdict.APPEND, 3, 0, 0));
    }

    @Test
    void shouldStillKnowADuplicateThatIsOlderThanItsWindow() {
        for (int i = 0; i <= ProducerTable.RECENT_BATCHES; i++) {
            append(0, 10L * i, 10, 20L * i);
        }
        assertThat(decide(0, 0, 10).verdict()).isEqualTo(Verdict.DUPLICATE_OFFSET_UNKNOWN);
        assertThat(decide(0, 10, 10).verdict()).isEqualTo(Verdict.DUPLICATE);
        assertThat(decide(0, 5, 10).verdict()).isEqualTo(Verdict.DUPLICATE_OFFSET_UNKNOWN);
    }

    @Test
    void shouldEvictTheIdleAndTheExcessButKeepNamedOnesLonger() {
        long named = ProducerIdSpace.NAMED_FROM + 1;
        table.stored(1, 0, 0, 1, 0, false, 1_000);
        table.stored(2, 0, 0, 1, 1, false, 5_000);
        table.stored(named, 0, 0, 1, 2, false, 1_000);

        assertThat(table.evictable(6_000, 2_000, 100_000, 10)).containsExactly(1L);
        assertThat(table.evictable(6_000, 100_000, 100_000, 1)).hasSize(2).doesNotContain(2L);
        table.evict(1);
        assertThat(table.decide(1, 0, 1, 1).verdict()).isEqualTo(Verdict.UNKNOWN_PRODUCER);
    }

    @Test
    void shouldRememberWhatStandsTogetherAsOne() {
        for (int i = 0; i < 10 * ProducerTable.RECENT_BATCHES; i++) {
            append(0, i, 1, 100 + i);
        }
        assertThat(decide(0, 0, 1)).isEqualTo(new Decision(Verdict.DUPLICATE, 0, 100, 0));
        assertThat(decide(0, 300, 200)).isEqualTo(new Decision(Verdict.DUPLICATE, 0, 400, 0));

        table.stored(ID, 0, 640, 1, 740, true, 0); // of the schedule, though its number would follow
        assertThat(table.row(ID).getRecentList()).hasSize(2);
    }

    /**
     * A client that cuts its records into batches anew at every retry, delivers them late, twice and out of order, in
     * several epochs, against what must come out: each record of each epoch once, in order.
     */
    @Test
    void shouldStoreEachRecordOnceWhateverArrivesAndThroughSnapshots() {
        for (long seed = 1; seed <= 2_000; seed++) {
            Random random = new Random(seed);
            ProducerTable subject = new ProducerTable();
            List<String> log = new ArrayList<>();
            Map<Integer, Integer> stored = new HashMap<>();
            int newestEpoch = 0;
            for (int step = 0; step < 120; step++) {
                int epoch =
                        Math.max(0, newestEpoch - (random.nextInt(4) == 0 ? 1 : 0) + (random.nextInt(30) == 0 ? 1 : 0));
                int first = Math.max(0, stored.getOrDefault(epoch, 0) - random.nextInt(12) + random.nextInt(4));
                int count = 1 + random.nextInt(8);
                Decision decision = subject.decide(ID, epoch, first, count);
                int next = stored.getOrDefault(epoch, 0);
                String context = "seed " + seed + " step " + step + " epoch " + epoch + " first " + first + " count "
                        + count + " next " + next;
                if (epoch < newestEpoch) {
                    assertThat(decision.verdict()).as(context).isEqualTo(Verdict.FENCED);
                    continue;
                }
                boolean fresh = log.isEmpty() || epoch > newestEpoch;
                if (decision.verdict() == Verdict.APPEND) {
                    assertThat(first + decision.skip()).as(context).isEqualTo(fresh ? 0 : next);
                    subject.stored(
                            ID, epoch, first + decision.skip(), count - decision.skip(), log.size(), false, step);
                    for (int i = decision.skip(); i < count; i++) {
                        log.add(epoch + ":" + (first + i));
                    }
                    if (random.nextInt(3) == 0) {
                        log.add("somebody else's, step " + step);
                    }
                    stored.put(epoch, first + count);
                    newestEpoch = epoch;
                } else if (decision.verdict() == Verdict.DUPLICATE) {
                    assertThat(log.get((int) decision.firstOffset()))
                            .as(context)
                            .isEqualTo(epoch + ":" + first);
                    assertThat(log.get((int) decision.firstOffset() + count - 1))
                            .as(context)
                            .isEqualTo(epoch + ":" + (first + count - 1));
                } else if (decision.verdict() == Verdict.DUPLICATE_OFFSET_UNKNOWN) {
                    assertThat(first + count).as(context).isLessThanOrEqualTo(next);
                } else {
                    assertThat(first > (fresh ? 0 : next)).as(context).isTrue();
                }
                if (random.nextInt(20) == 0 && subject.row(ID) != null) { // snapshot and restore
                    ProducerTable restored = new ProducerTable();
                    restored.put(ID, subject.row(ID));
                    subject = restored;
                }
            }
            assertThat(log).as("seed " + seed).doesNotHaveDuplicates();
        }
    }

    private Decision decide(int epoch, long first, int count) {
        return table.decide(ID, epoch, first, count);
    }

    private void append(int epoch, long first, int count, long offset) {
        table.stored(ID, epoch, first, count, offset, false, 0);
    }
}
