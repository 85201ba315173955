package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.partition.EntryPacing.Permit;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Random;
import org.junit.jupiter.api.Test;

class EntryPacingTest {
    private static final Runnable NO_TURN = () -> {};

    private record Task(long at, Runnable run) {}

    private long now = 1000;
    private final PriorityQueue<Task> tasks = new PriorityQueue<>((a, b) -> Long.compare(a.at, b.at));
    private boolean busy;
    private final EntryPacing pacing = new EntryPacing(
            () -> 2,
            new SharedEntries(2, () -> busy, () -> now),
            () -> now,
            (run, delay) -> tasks.add(new Task(now + delay, run)));

    private void advanceTo(long time) {
        while (!tasks.isEmpty() && tasks.peek().at <= time) {
            Task task = tasks.remove();
            now = Math.max(now, task.at);
            task.run.run();
        }
        now = Math.max(now, time);
    }

    @Test
    void shouldGiveTurnsInTheOrderTheyWereAskedFor() {
        List<String> turns = new ArrayList<>();
        Permit first = pacing.tryAcquire(NO_TURN);
        Permit second = pacing.tryAcquire(NO_TURN);
        assertThat(pacing.tryAcquire(() -> turns.add("a"))).isNull();
        assertThat(pacing.tryAcquire(() -> turns.add("b"))).isNull();

        pacing.release(first);
        assertThat(turns).containsExactly("a");
        pacing.release(second);
        assertThat(turns).containsExactly("a", "b");
    }

    @Test
    void shouldNotLetStuckEntriesHoldUpOthers() {
        List<String> turns = new ArrayList<>();
        Permit stuck = pacing.tryAcquire(NO_TURN);
        pacing.tryAcquire(NO_TURN);
        assertThat(pacing.tryAcquire(() -> turns.add("a"))).isNull();

        advanceTo(now + EntryPacing.PATIENCE_NANOS - 1);
        assertThat(turns).isEmpty();
        advanceTo(now + 1);

        assertThat(turns).containsExactly("a");
        assertThat(pacing.tryAcquire(NO_TURN)).isNotNull();
        pacing.release(stuck); // at last; it no longer counted
        assertThat(pacing.tryAcquire(NO_TURN)).isNotNull();
        assertThat(pacing.tryAcquire(NO_TURN)).as("two are under way").isNull();
    }

    @Test
    void shouldPassOnATurnThatIsNotUsed() {
        List<String> turns = new ArrayList<>();
        Permit first = pacing.tryAcquire(NO_TURN);
        pacing.tryAcquire(NO_TURN);
        pacing.tryAcquire(() -> {
            turns.add("unused");
            pacing.passTurn();
        });
        pacing.tryAcquire(() -> turns.add("used"));

        pacing.release(first);
        advanceTo(now);

        assertThat(turns).containsExactly("unused", "used");
    }

    @Test
    void shouldGiveATurnToThoseThatHaveWaitedForACommand() {
        List<String> turns = new ArrayList<>();
        busy = true;
        pacing.commanded("a");
        pacing.commanded("b");
        assertThat(pacing.waitsForCommand("a", () -> turns.add("a"))).isTrue();
        assertThat(turns).isEmpty();

        advanceTo(now + SharedEntries.WAIT_NANOS_MAX);

        assertThat(turns).containsExactly("a");
        assertThat(pacing.waitsForCommand("a", NO_TURN)).isFalse();
    }

    @Test
    void shouldHaveRoomOnThisMachine() {
        assertThat(EntryPacing.ofThisMachine((run, delay) -> {}).tryAcquire(NO_TURN))
                .isNotNull();
    }

    /** Queues with entries of random length, some stuck for good, some refused at once: every queue gets on. */
    @Test
    void shouldLetEveryQueueFinishWhateverTheOthersDo() {
        for (long seed = 1; seed <= 300; seed++) {
            Random random = new Random(seed);
            List<Queue> queues = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                queues.add(new Queue(random, 1 + random.nextInt(20), i == 0));
            }
            queues.forEach(Queue::propose);
            advanceTo(now + 3_000 * EntryPacing.PATIENCE_NANOS);
            for (Queue queue : queues) {
                assertThat(queue.left).as("seed " + seed).isLessThanOrEqualTo(queue.stuck ? queue.all - 1 : 0);
            }
        }
    }

    private final class Queue {
        private final Random random;
        private final int all;
        private final boolean stuck;
        private final Deque<Permit> permits = new ArrayDeque<>();
        private int left;
        private boolean busy;
        private boolean awaitsTurn;

        Queue(Random random, int entries, boolean stuck) {
            this.random = random;
            this.all = entries;
            this.left = entries;
            this.stuck = stuck;
        }

        private void takeTurn() {
            awaitsTurn = false;
            if (!propose()) {
                pacing.passTurn();
            }
        }

        private boolean propose() {
            if (left == 0 || busy || awaitsTurn) {
                return false;
            }
            Permit permit = pacing.tryAcquire(this::takeTurn);
            if (permit == null) {
                awaitsTurn = true;
                return true;
            }
            left--;
            if (random.nextInt(5) == 0) {
                pacing.releaseUnused(permit);
                propose();
                return true;
            }
            busy = true;
            permits.add(permit);
            if (!stuck) {
                long takes = random.nextLong(2 * EntryPacing.PATIENCE_NANOS);
                tasks.add(new Task(now + takes, () -> {
                    busy = false;
                    pacing.release(permits.remove());
                    propose();
                }));
            }
            return true;
        }
    }
}
