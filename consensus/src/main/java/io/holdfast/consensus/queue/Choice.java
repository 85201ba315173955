package io.holdfast.consensus.queue;

import com.google.common.hash.HashFunction;
import com.google.common.hash.Hashing;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueAcquire;
import io.holdfast.internal.v1.RunPhase;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Which records go to whom next, for one group, from a look at its state: first those that come again, then new ones, by
 * offset or by priority; for keyed groups at most one of a key. One look serves all that ask at the time; what one of them gets is gone
 * for the next. One thread.
 */
final class Choice {
    /** Records that are looked at for one whose key is free, or that has a higher priority. */
    private static final int LOOK_AHEAD_RECORDS = 20_000;
    /** More runs than this are not begun: new records wait until the oldest are settled. */
    private static final int RUNS_MAX = 50_000;

    private static final int DEAD_PENDING_MAX = 10_000;
    /** Records looked at in any case, since some may not be handed out any more. */
    private static final int EXPIRED_RECORDS = 1000;

    private static final HashFunction KEY_HASH = Hashing.murmur3_128();

    /** A record that was chosen. */
    record Chosen(long offset, RecordCache.Found found) {}

    private final QueuePolicy policy;
    private final RecordCache.View records;
    private final Map<String, Long> leasedBy;
    private long leased;
    /** Not settled for good, by offset, as far as this look reaches. */
    private final List<Run> candidates;

    private int nextCandidate;
    private long nextOffset = -1;
    /** Null to take records by offset. */
    private final PriorityOrder.@Nullable Rule rule;
    /** Null until it is needed. */
    private @Nullable PriorityOrder order;

    /** Keys that have a record out, or an earlier one that must come first. */
    private final Set<Long> heldKeys = new HashSet<>();

    private final boolean full;
    private final long wallMs = System.currentTimeMillis();
    /** Passed over, since their time to live is over or the log has let them go. */
    private final List<Long> expired = new ArrayList<>();

    private Choice(
            QueueState state,
            QueuePolicy policy,
            RecordCache.View records,
            PriorityOrder.@Nullable Rule rule,
            List<Run> candidates) {
        this.policy = policy;
        this.records = records;
        this.rule = rule;
        this.candidates = candidates;
        leasedBy = new HashMap<>(state.runs().leasedBy());
        leased = state.runs().records(RunPhase.RUN_PHASE_LEASED);
        full = state.dead().pendingCount() > DEAD_PENDING_MAX;
    }

    /**
     * Looks at a group's state, for so many records at most. Under the lock that guards the state; the rest needs none.
     *
     * @param rule null to take records by offset
     */
    static Choice look(
            QueueState state,
            QueuePolicy policy,
            RecordCache.View records,
            PriorityOrder.@Nullable Rule rule,
            int max,
            long clockMs,
            long endOfLog) {
        int ahead = rule != null ? LOOK_AHEAD_RECORDS : Math.max(max, EXPIRED_RECORDS);
        List<Run> candidates =
                policy.isKeyed() ? unsettled(state, clockMs, endOfLog) : ready(state, ahead, clockMs, endOfLog);
        return new Choice(state, policy, records, rule, candidates);
    }

    /**
     * How many records that are being appended a member may have as they come: none unless the group takes records as they
     * come and has no others ready. Under the lock that guards the state.
     *
     * @param promised to the group's members by the same entry, maybe to this one: they count against both limits
     */
    static long allowedEarly(
            QueueState state, QueuePolicy policy, String member, long promised, long clockMs, long endOfLog) {
        if (policy.isKeyed()
                || policy.isExclusive()
                || policy.isPrioritized()
                || policy.paused()
                || policy.heldBack()
                || state.hasReady(clockMs, endOfLog)
                || state.runs().size() >= RUNS_MAX
                || state.dead().pendingCount() > DEAD_PENDING_MAX) {
            return 0;
        }
        long ofGroup = policy.inFlightMax() - state.runs().records(RunPhase.RUN_PHASE_LEASED);
        long ofMember = policy.memberInFlightMax() - state.runs().leasedBy().getOrDefault(member, 0L);
        return Math.min(ofGroup, ofMember) - promised;
    }

    private static List<Run> ready(QueueState state, int max, long clockMs, long endOfLog) {
        TreeMap<Long, Run> again = new TreeMap<>();
        long count = 0;
        for (Run run : state.runs().ready()) {
            if (count >= max) {
                break;
            }
            again.put(run.from(), run);
            count += run.length();
        }
        for (Run run : state.runs().waited(clockMs)) {
            again.put(run.from(), new Run(run.from(), run.to(), Status.UNTOUCHED));
        }
        List<Run> candidates = new ArrayList<>(again.values());
        if (endOfLog > state.next() && state.runs().size() < RUNS_MAX) {
            candidates.add(new Run(state.next(), Math.min(endOfLog, state.next() + max), Status.UNTOUCHED));
        }
        return candidates;
    }

    /** Whether each is ready is said by its phase: those that have waited long enough are shown as ready. */
    static List<Run> unsettled(QueueState state, long clockMs, long endOfLog) {
        List<Run> candidates = new ArrayList<>();
        long count = 0;
        for (Run run : state.runs().all()) {
            RunPhase phase = run.status().phase();
            if (count >= LOOK_AHEAD_RECORDS) {
                return candidates;
            }
            if (phase != RunPhase.RUN_PHASE_DONE && phase != RunPhase.RUN_PHASE_DEAD) {
                boolean due = QueueState.isReady(run.status(), clockMs);
                candidates.add(due ? new Run(run.from(), run.to(), Status.UNTOUCHED) : run);
                count += run.length();
            }
        }
        long fresh = Math.min(endOfLog, state.next() + LOOK_AHEAD_RECORDS - count);
        if (fresh > state.next() && state.runs().size() < RUNS_MAX) {
            candidates.add(new Run(state.next(), fresh, Status.UNTOUCHED));
        }
        return candidates;
    }

    /** Takes what a member may have, at least one record if there is one for it. */
    List<Chosen> take(String member, int recordsMax, long bytesMax) {
        long allowed = Math.min(
                Math.min(recordsMax, policy.inFlightMax() - leased),
                policy.memberInFlightMax() - leasedBy.getOrDefault(member, 0L));
        List<Chosen> chosen = new ArrayList<>();
        if (policy.paused() || policy.heldBack() || full) {
            return chosen;
        }
        long bytes = 0;
        while (chosen.size() < allowed && bytes < bytesMax) {
            long offset = rule == null ? nextByOffset() : nextByPriority(rule);
            if (offset < 0) {
                break;
            }
            Status status = rule == null
                    ? candidates.get(nextCandidate).status()
                    : Status.UNTOUCHED; // or as good as that: only what is ready is a candidate
            RecordCache.Found found = records.at(offset);
            boolean over = found == null || TimeToLive.isOver(found, wallMs);
            if (over && status.phase() == RunPhase.RUN_PHASE_READY) {
                expired.add(offset);
            } else if (found != null && isFree(status, found)) {
                chosen.add(new Chosen(offset, found));
                bytes += RecordCache.size(found.record());
            }
        }
        leased += chosen.size();
        leasedBy.merge(member, (long) chosen.size(), Long::sum);
        return chosen;
    }

    /** The next offset, of the run at {@link #nextCandidate}; -1 if there is none. */
    private long nextByOffset() {
        while (nextCandidate < candidates.size()) {
            Run run = candidates.get(nextCandidate);
            nextOffset = Math.max(nextOffset, run.from());
            if (nextOffset < run.to()) {
                return nextOffset++;
            }
            nextCandidate++;
        }
        return -1;
    }

    private long nextByPriority(PriorityOrder.Rule by) {
        if (order == null) {
            order = new PriorityOrder(candidates, by);
        }
        return order.next();
    }

    private boolean isFree(Status status, RecordCache.Found found) {
        boolean ready = status.phase() == RunPhase.RUN_PHASE_READY;
        byte[] key = found.record().key();
        if (!policy.isKeyed() || key == null) {
            return ready;
        }
        return !policy.letsPass(status) && heldKeys.add(KEY_HASH.hashBytes(key).asLong()) && ready;
    }

    /** What {@link #take} has passed over since their time to live is over or the log has let them go. */
    List<Long> expired() {
        return expired;
    }

    static QueueAcquire acquire(String member, long leaseMs, List<Chosen> chosen) {
        return QueueAcquire.newBuilder()
                .setMember(member)
                .setLeaseMs(leaseMs)
                .addAllRanges(ranges(chosen.stream().map(Chosen::offset).toList()))
                .build();
    }

    /** Offsets as ranges. */
    static List<OffsetRange> ranges(List<Long> offsets) {
        List<Long> sorted = new ArrayList<>(offsets);
        Collections.sort(sorted);
        List<OffsetRange> ranges = new ArrayList<>();
        long from = -1;
        long to = -1;
        for (long offset : sorted) {
            if (offset != to) {
                if (from >= 0) {
                    ranges.add(OffsetRange.newBuilder().setFrom(from).setTo(to).build());
                }
                from = offset;
            }
            to = offset + 1;
        }
        if (from >= 0) {
            ranges.add(OffsetRange.newBuilder().setFrom(from).setTo(to).build());
        }
        return ranges;
    }
}
