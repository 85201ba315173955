package io.holdfast.consensus.dedup;

import io.holdfast.internal.v1.DedupState;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The message ids that a partition knows. Replicated state, changed in apply only; not thread-safe.
 *
 * <p>The ids are on disk ({@link DedupRows}), in memory are two numbers. An id is known for the window of the command that
 * asks, counted by the partition's clock. What is older than the window of the command that added something, or more than
 * {@link #KNOWN_MAX}, is forgotten for good, oldest first: so that a replica may delete it without asking the others.
 */
public final class DedupTable {
    /** Ids that a partition knows at most. */
    public static final long KNOWN_MAX = 1_000_000;

    private static final int FORGOTTEN_AT_ONCE = 2_000;

    private DedupRows rows;
    private final long knownMax;
    /** Added by the entry that is being applied. */
    private final Map<MessageId, KnownId> added = new LinkedHashMap<>();

    private long nextNumber;
    private long floor;

    /** @param rows of a replica that has no checkpoint yet */
    public DedupTable(DedupRows rows) {
        this(rows, KNOWN_MAX);
    }

    DedupTable(DedupRows rows, long knownMax) {
        this.rows = rows;
        this.knownMax = knownMax;
    }

    // ---- checkpoints

    public void load(DedupState state, DedupRows ofGeneration) {
        rows = ofGeneration;
        added.clear();
        nextNumber = state.getNextNumber();
        floor = state.getFloor();
    }

    public DedupState state() {
        return DedupState.newBuilder().setNextNumber(nextNumber).setFloor(floor).build();
    }

    /** Rows below this number may go. */
    public long floor() {
        return floor;
    }

    // ---- apply

    /** Where the record with this id is, if one was stored within the window; null for {@link MessageId#NONE} too. */
    public @Nullable KnownId find(MessageId id, long nowMs, long windowMs) throws IOException {
        if (id.isNone()) {
            return null;
        }
        KnownId known = added.get(id);
        if (known == null) {
            known = rows.newest(id, floor, nextNumber);
        }
        return known == null || nowMs - known.appendMs() >= windowMs ? null : known;
    }

    /** Gets to know an id; its row is written by {@link #flush}. */
    public void add(MessageId id, long nowMs, long offset, @Nullable Long dueMs) {
        if (!id.isNone()) {
            added.put(id, new KnownId(nextNumber++, id, nowMs, offset, dueMs));
        }
    }

    /** Ends an entry: what it added is written, and so much that is too old is forgotten. */
    public void flush(long nowMs, long windowMs) throws IOException {
        if (added.isEmpty()) {
            return;
        }
        rows.put(List.copyOf(added.values()));
        added.clear();
        long[] keep = {Math.max(floor, nextNumber - knownMax)};
        int[] left = {FORGOTTEN_AT_ONCE};
        rows.scan(keep[0], known -> {
            if (known.number() >= nextNumber || nowMs - known.appendMs() < windowMs || left[0]-- == 0) {
                return false;
            }
            keep[0] = known.number() + 1;
            return true;
        });
        floor = keep[0];
    }
}
