package io.holdfast.consensus.partition;

import io.holdfast.consensus.ProducerIdSpace;
import io.holdfast.internal.v1.ProducerBatch;
import io.holdfast.internal.v1.ProducerBatchOrBuilder;
import io.holdfast.internal.v1.ProducerRow;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a partition knows of its idempotent producers: the sequence each must continue with, and where its last batches
 * went. Replicated state, changed in apply only; not thread-safe.
 *
 * <p>Differs from Kafka's in two points. A batch that overlaps what is stored is appended from its first new record on,
 * so that clients may cut batches anew when they retry. A producer that is not known must start at 0: state is only
 * ever lost by a replicated eviction, never guessed.
 */
final class ProducerTable {
    /** Batches remembered per producer, to answer duplicates with their first offset: as many as clients have under way. */
    static final int RECENT_BATCHES = 64;

    enum Verdict {
        APPEND,
        DUPLICATE,
        DUPLICATE_OFFSET_UNKNOWN,
        FENCED,
        GAP,
        UNKNOWN_PRODUCER
    }

    /**
     * @param skip leading records that are stored already, when the rest is to be appended
     * @param firstOffset of a duplicate
     * @param expected the stored epoch when fenced, the next sequence at a gap
     */
    record Decision(Verdict verdict, int skip, long firstOffset, long expected) {
        static Decision of(Verdict verdict, long expected) {
            return new Decision(verdict, 0, 0, expected);
        }
    }

    private static final class State {
        int epoch;
        long nextSequence;
        long lastMs;
        final Deque<ProducerBatch> recent = new ArrayDeque<>();
    }

    private final Map<Long, State> states = new HashMap<>();
    private final Set<Long> dirty = new HashSet<>();

    /** Decides about a batch of {@code count} records; changes nothing. */
    Decision decide(long producerId, int epoch, long firstSequence, int count) {
        State state = states.get(producerId);
        if (state == null) {
            return firstSequence == 0 ? Decision.of(Verdict.APPEND, 0) : Decision.of(Verdict.UNKNOWN_PRODUCER, 0);
        }
        if (Integer.compareUnsigned(epoch, state.epoch) < 0) {
            return Decision.of(Verdict.FENCED, Integer.toUnsignedLong(state.epoch));
        }
        if (epoch != state.epoch) {
            return Decision.of(firstSequence == 0 ? Verdict.APPEND : Verdict.GAP, 0);
        }
        long next = state.nextSequence;
        if (firstSequence == next) {
            return Decision.of(Verdict.APPEND, 0);
        }
        if (firstSequence > next) {
            return Decision.of(Verdict.GAP, next);
        }
        long end = firstSequence + count;
        if (end > next) {
            return new Decision(Verdict.APPEND, (int) (next - firstSequence), 0, 0);
        }
        for (ProducerBatch batch : state.recent) {
            if (batch.getFirstSequence() <= firstSequence && batch.getLastSequence() >= end - 1) {
                long offset = batch.getFirstOffset() + firstSequence - batch.getFirstSequence();
                return new Decision(Verdict.DUPLICATE, 0, offset, 0);
            }
        }
        return Decision.of(Verdict.DUPLICATE_OFFSET_UNKNOWN, 0);
    }

    /**
     * Enters what was stored: the records from this sequence on, at this offset. What follows the last batch in both is
     * remembered as one batch with it.
     *
     * @param scheduled kept for later; then the offset is a number in the schedule
     */
    void stored(
            long producerId,
            int epoch,
            long firstSequence,
            int count,
            long firstOffset,
            boolean scheduled,
            long nowMs) {
        State state = states.computeIfAbsent(producerId, id -> new State());
        if (epoch != state.epoch) {
            state.epoch = epoch;
            state.recent.clear();
        }
        state.nextSequence = firstSequence + count;
        state.lastMs = nowMs;
        dirty.add(producerId);
        ProducerBatch.Builder batch = ProducerBatch.newBuilder()
                .setFirstSequence(firstSequence)
                .setLastSequence(firstSequence + count - 1)
                .setFirstOffset(firstOffset)
                .setScheduled(scheduled);
        ProducerBatch last = state.recent.peekLast();
        if (last != null && follows(last, batch)) {
            state.recent.removeLast();
            batch.setFirstSequence(last.getFirstSequence()).setFirstOffset(last.getFirstOffset());
        } else if (state.recent.size() == RECENT_BATCHES) {
            state.recent.removeFirst();
        }
        state.recent.addLast(batch.build());
    }

    private static boolean follows(ProducerBatch last, ProducerBatchOrBuilder next) {
        return next.getFirstSequence() == last.getLastSequence() + 1
                && next.getFirstOffset() - last.getFirstOffset() == next.getFirstSequence() - last.getFirstSequence()
                && next.getScheduled() == last.getScheduled();
    }

    void evict(long producerId) {
        if (states.remove(producerId) != null) {
            dirty.add(producerId);
        }
    }

    int size() {
        return states.size();
    }

    /**
     * Producers that may be forgotten: idle for too long, or the longest idle ones beyond the cap. Never those that write
     * dead letters: each has one row, and would write twice without it.
     *
     * @param idleMs of producers without a name
     * @param namedIdleMs of named ones
     */
    List<Long> evictable(long nowMs, long idleMs, long namedIdleMs, int cap) {
        List<Long> oldestFirst = new ArrayList<>(states.keySet());
        oldestFirst.removeIf(id -> id >= ProducerIdSpace.DEAD_LETTERS_FROM);
        oldestFirst.sort(Comparator.comparingLong(id -> lastMs(id)));
        int excess = oldestFirst.size() - cap;
        List<Long> evictable = new ArrayList<>();
        for (long id : oldestFirst) {
            long limit = id >= ProducerIdSpace.NAMED_FROM ? namedIdleMs : idleMs;
            if (evictable.size() < excess || nowMs - lastMs(id) > limit) {
                evictable.add(id);
            }
        }
        return evictable;
    }

    private long lastMs(long producerId) {
        State state = states.get(producerId);
        return state == null ? 0 : state.lastMs;
    }

    @Nullable
    ProducerRow row(long producerId) {
        State state = states.get(producerId);
        if (state == null) {
            return null;
        }
        return ProducerRow.newBuilder()
                .setEpoch(state.epoch)
                .setNextSequence(state.nextSequence)
                .setLastMs(state.lastMs)
                .addAllRecent(state.recent)
                .build();
    }

    void put(long producerId, ProducerRow row) {
        State state = new State();
        state.epoch = row.getEpoch();
        state.nextSequence = row.getNextSequence();
        state.lastMs = row.getLastMs();
        state.recent.addAll(row.getRecentList());
        states.put(producerId, state);
    }

    void clear() {
        states.clear();
        dirty.clear();
    }

    /** Ids whose rows changed since {@link #stored}; a row that is gone was evicted. */
    Set<Long> dirty() {
        return dirty;
    }

    void stored() {
        dirty.clear();
    }
}
