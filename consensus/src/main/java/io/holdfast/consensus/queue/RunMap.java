package io.holdfast.consensus.queue;

import io.holdfast.internal.v1.RunPhase;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * The status of each offset from the floor up to the first that was never handed out, run-length encoded, with what is
 * needed to find ready, overdue and waiting runs without a search. Not thread-safe.
 */
final class RunMap {
    /** A run that something happens to at a time. */
    private record Due(long ms, long from) {}

    private static final Comparator<Due> BY_TIME =
            Comparator.comparingLong(Due::ms).thenComparingLong(Due::from);

    private final NavigableMap<Long, Run> runs = new TreeMap<>();
    private final NavigableMap<Long, Run> ready = new TreeMap<>();
    private final NavigableSet<Due> leases = new TreeSet<>(BY_TIME);
    private final NavigableSet<Due> waits = new TreeSet<>(BY_TIME);
    private final Map<RunPhase, Long> records = new EnumMap<>(RunPhase.class);
    private final Map<String, Long> leasedBy = new HashMap<>();

    Collection<Run> all() {
        return Collections.unmodifiableCollection(runs.values());
    }

    int size() {
        return runs.size();
    }

    @Nullable
    Run first() {
        return runs.isEmpty() ? null : runs.firstEntry().getValue();
    }

    /** The run that holds this offset, or null. */
    @Nullable
    Run at(long offset) {
        Map.Entry<Long, Run> entry = runs.floorEntry(offset);
        return entry != null && entry.getValue().to() > offset ? entry.getValue() : null;
    }

    /** The runs that touch [from, to), cut to it. */
    List<Run> within(long from, long to) {
        List<Run> found = new ArrayList<>();
        Map.Entry<Long, Run> entry = runs.floorEntry(from);
        if (entry == null || entry.getValue().to() <= from) {
            entry = runs.higherEntry(from);
        }
        while (entry != null && entry.getKey() < to) {
            Run run = entry.getValue();
            found.add(new Run(Math.max(run.from(), from), Math.min(run.to(), to), run.status()));
            entry = runs.higherEntry(entry.getKey());
        }
        return found;
    }

    /** Gives [from, to) this status. */
    void set(long from, long to, Status status) {
        if (from >= to) {
            return;
        }
        clear(from, to);
        long start = from;
        long end = to;
        Map.Entry<Long, Run> left = runs.lowerEntry(from);
        if (left != null
                && left.getValue().to() == from
                && left.getValue().status().equals(status)) {
            start = left.getKey();
            drop(left.getValue());
        }
        Run right = runs.get(to);
        if (right != null && right.status().equals(status)) {
            end = right.to();
            drop(right);
        }
        put(new Run(start, end, status));
    }

    /** Removes everything in [from, to). */
    void clear(long from, long to) {
        cut(from);
        cut(to);
        new ArrayList<>(runs.subMap(from, true, to, false).values()).forEach(this::drop);
    }

    void clear() {
        new ArrayList<>(runs.values()).forEach(this::drop);
    }

    private void cut(long at) {
        Run run = at(at);
        if (run != null && run.from() < at) {
            drop(run);
            put(new Run(run.from(), at, run.status()));
            put(new Run(at, run.to(), run.status()));
        }
    }

    private void put(Run run) {
        runs.put(run.from(), run);
        Status status = run.status();
        records.merge(status.phase(), run.length(), Long::sum);
        switch (status.phase()) {
            case RUN_PHASE_READY -> ready.put(run.from(), run);
            case RUN_PHASE_LEASED -> {
                leases.add(new Due(status.dueMs(), run.from()));
                leasedBy.merge(status.member(), run.length(), Long::sum);
            }
            case RUN_PHASE_WAITING -> waits.add(new Due(status.dueMs(), run.from()));
            default -> {}
        }
    }

    private void drop(Run run) {
        runs.remove(run.from());
        Status status = run.status();
        records.merge(status.phase(), -run.length(), Long::sum);
        switch (status.phase()) {
            case RUN_PHASE_READY -> ready.remove(run.from());
            case RUN_PHASE_LEASED -> {
                leases.remove(new Due(status.dueMs(), run.from()));
                leasedBy.computeIfPresent(
                        status.member(), (member, count) -> count == run.length() ? null : count - run.length());
            }
            case RUN_PHASE_WAITING -> waits.remove(new Due(status.dueMs(), run.from()));
            default -> {}
        }
    }

    // ---- questions

    long records(RunPhase phase) {
        return records.getOrDefault(phase, 0L);
    }

    /** Records leased per member. */
    Map<String, Long> leasedBy() {
        return Collections.unmodifiableMap(leasedBy);
    }

    /** Ready runs, by offset. */
    Collection<Run> ready() {
        return ready.values();
    }

    /** Waiting runs whose retry is due, the one that has waited longest first. */
    List<Run> waited(long clockMs) {
        return due(waits, clockMs, Integer.MAX_VALUE);
    }

    /** Leases past their end, at most {@code max}. */
    List<Run> overdue(long clockMs, int max) {
        return due(leases, clockMs, max);
    }

    private List<Run> due(NavigableSet<Due> set, long clockMs, int max) {
        List<Run> due = new ArrayList<>();
        for (Due one : set.headSet(new Due(clockMs, Long.MAX_VALUE), true)) {
            if (due.size() == max) {
                break;
            }
            Run run = runs.get(one.from);
            if (run == null) {
                throw new IllegalStateException("no run at " + one.from);
            }
            due.add(run);
        }
        return due;
    }

    /** Whether a waiting run is due. */
    boolean hasWaited(long clockMs) {
        return !waits.isEmpty() && waits.first().ms <= clockMs;
    }

    /** Whether time alone will change something. */
    boolean isTimed() {
        return !leases.isEmpty() || !waits.isEmpty();
    }
}
