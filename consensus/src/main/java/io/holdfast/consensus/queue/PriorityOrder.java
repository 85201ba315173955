package io.holdfast.consensus.queue;

import java.util.Arrays;
import java.util.List;

/**
 * The order in which a group that looks at priorities gets its records: the highest first, or, weighted, of each priority
 * twice as many as of the next lower. Within a priority by offset. One thread.
 */
final class PriorityOrder {
    private final Offsets[] levels = new Offsets[Priorities.LEVELS];
    private final Rule rule;

    /**
     * How a group wants it.
     *
     * @param credits what each level is owed, kept from one order to the next and changed by {@link #next}
     */
    record Rule(Lookup priorities, boolean weighted, double[] credits) {}

    /** Knows priorities of records, 0 to 9. */
    interface Lookup {
        void forEach(long from, long to, Visitor visitor);
    }

    interface Visitor {
        void visit(long offset, int priority);
    }

    private static final class Offsets {
        long[] offsets = new long[64];
        int size;
        int next;

        void add(long offset) {
            if (size == offsets.length) {
                offsets = Arrays.copyOf(offsets, size * 2);
            }
            offsets[size++] = offset;
        }

        boolean isEmpty() {
            return next == size;
        }
    }

    /** @param candidates records that could be handed out, by offset */
    PriorityOrder(List<Run> candidates, Rule rule) {
        this.rule = rule;
        Arrays.setAll(levels, level -> new Offsets());
        for (Run run : candidates) {
            rule.priorities().forEach(run.from(), run.to(), (offset, priority) -> levels[priority].add(offset));
        }
    }

    /** The next offset; -1 if there is none left. */
    long next() {
        int level = rule.weighted() ? owed() : highest();
        return level < 0 ? -1 : levels[level].offsets[levels[level].next++];
    }

    private int highest() {
        for (int level = levels.length - 1; level >= 0; level--) {
            if (!levels[level].isEmpty()) {
                return level;
            }
        }
        return -1;
    }

    /** Smooth weighted round robin. */
    private int owed() {
        double[] credits = rule.credits();
        int most = -1;
        double total = 0;
        for (int level = levels.length - 1; level >= 0; level--) {
            if (levels[level].isEmpty()) {
                credits[level] = 0; // nothing is saved up while there is nothing to hand out
                continue;
            }
            double weight = 1 << level;
            total += weight;
            credits[level] += weight;
            if (most < 0 || credits[level] > credits[most]) {
                most = level;
            }
        }
        if (most >= 0) {
            credits[most] -= total;
        }
        return most;
    }
}
