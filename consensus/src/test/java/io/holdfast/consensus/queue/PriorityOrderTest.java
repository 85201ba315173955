package io.holdfast.consensus.queue;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.function.LongToIntFunction;
import org.junit.jupiter.api.Test;

class PriorityOrderTest {
    private final double[] credits = new double[Priorities.LEVELS];

    private PriorityOrder order(boolean weighted, LongToIntFunction priority, long... fromTo) {
        List<Run> runs = new ArrayList<>();
        for (int i = 0; i < fromTo.length; i += 2) {
            runs.add(new Run(fromTo[i], fromTo[i + 1], Status.UNTOUCHED));
        }
        PriorityOrder.Lookup lookup = (from, to, visitor) -> {
            for (long offset = from; offset < to; offset++) {
                visitor.visit(offset, priority.applyAsInt(offset));
            }
        };
        return new PriorityOrder(runs, new PriorityOrder.Rule(lookup, weighted, credits));
    }

    private static List<Long> take(PriorityOrder order, int count) {
        List<Long> taken = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            taken.add(order.next());
        }
        return taken;
    }

    @Test
    void shouldTakeTheHighestFirstAndWithinAPriorityByOffset() {
        PriorityOrder order = order(false, offset -> (int) (offset % 3), 0, 6, 100, 103);

        assertThat(take(order, 10)).containsExactly(2L, 5L, 101L, 1L, 4L, 100L, 0L, 3L, 102L, -1L);
    }

    @Test
    void shouldGiveEachPriorityTwiceTheShareOfTheNextLower() {
        PriorityOrder order = order(true, offset -> (int) (offset % 3) + 3, 0, 3000);

        int[] taken = new int[Priorities.LEVELS];
        take(order, 700).forEach(offset -> taken[(int) (offset % 3) + 3]++);

        assertThat(taken[5]).isEqualTo(400);
        assertThat(taken[4]).isEqualTo(200);
        assertThat(taken[3]).isEqualTo(100);
    }

    @Test
    void shouldLetTheLowestHaveItsTurnAlsoIfOneIsTakenAtATime() {
        List<Long> taken = new ArrayList<>();
        for (long begin = 0; begin < 600; begin++) { // each look sees one record of priority 9 more
            long high = begin;
            PriorityOrder order = order(true, offset -> offset == 10_000 ? 1 : 9, high, high + 1, 10_000, 10_001);
            taken.add(order.next());
            if (taken.contains(10_000L)) {
                break;
            }
        }

        assertThat(taken).contains(10_000L).hasSizeBetween(100, 258);
    }

    @Test
    void shouldHandOutAllThereIs() {
        PriorityOrder order = order(true, offset -> (int) (offset % 10), 0, 1000);

        assertThat(take(order, 1000)).doesNotHaveDuplicates().doesNotContain(-1L);
        assertThat(order.next()).isEqualTo(-1);
    }
}
