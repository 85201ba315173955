package io.holdfast.node.compaction;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.compaction.CompactionPass.Scope;
import io.holdfast.consensus.compaction.Compactions;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.internal.v1.CompactionState;
import io.holdfast.v1.Compaction;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/** Says whether a partition is to be compacted now, and what of it. */
final class CompactionDue {
    private static final long DIRTY_BYTES_MIN = 4 << 20;
    /** A larger partition is not read through for a few records. */
    private static final long SMALL_BYTES = 64 << 20;

    private static final long AFTER_MS = TimeUnit.MINUTES.toMillis(1);
    private static final long WITHIN_MS = TimeUnit.MINUTES.toMillis(10);
    private static final long WITHIN_LARGE_MS = TimeUnit.DAYS.toMillis(1);
    private static final long KEEP_TOMBSTONES_MS = TimeUnit.DAYS.toMillis(7);

    private CompactionDue() {}

    /** Whether there can be anything to do, without a look at files. */
    static boolean isWorthALook(PartitionReplica replica, Compaction config, long nowMs) {
        CompactionState state = replica.compaction().state();
        return state.getCompactedTo() < replica.highWatermark()
                || Compactions.tombstonesMayGoTo(state, nowMs, keepMs(config)) > state.getTombstonesGoneTo();
    }

    /**
     * @param unsettled first offset that a queue group still needs
     * @param tombstonesStay for a partition that was split off: what one supersedes may be in another
     * @return null if it is not to be compacted now
     */
    static @Nullable Scope of(
            PartitionReplica replica, Compaction config, long unsettled, boolean tombstonesStay, long nowMs)
            throws IOException {
        CompactionState state = replica.compaction().state();
        long afterMs = afterMs(config);
        long start = replica.log().startOffset();
        long dirtyFrom = Math.max(start, state.getCompactedTo());
        long old = afterMs == 0 ? replica.highWatermark() : replica.log().offsetAt(nowMs - afterMs);
        long bound = Math.min(unsettled, old);
        long to = Math.max(dirtyFrom, bound);
        long tombstones =
                tombstonesStay ? 0 : Math.min(bound, Compactions.tombstonesMayGoTo(state, nowMs, keepMs(config)));
        boolean due = tombstones > Math.max(start, state.getTombstonesGoneTo())
                || isDirty(replica, config, dirtyFrom, to, nowMs);
        return due ? new Scope(start, state.getCompactedTo(), to, tombstones) : null;
    }

    private static boolean isDirty(PartitionReplica replica, Compaction config, long from, long to, long nowMs)
            throws IOException {
        if (to <= from) {
            return false;
        }
        long all = replica.log().bytesKept();
        long dirty = replica.compaction().bytesFrom(from) - replica.compaction().bytesFrom(to);
        if (dirty >= DIRTY_BYTES_MIN && dirty >= all / 2) {
            return true;
        }
        long withinMs = config.hasWithin()
                ? Durations.toMillis(config.getWithin())
                : all <= SMALL_BYTES ? WITHIN_MS : WITHIN_LARGE_MS;
        long ageMs = nowMs - replica.compaction().appendedMs(from);
        return ageMs >= withinMs + afterMs(config);
    }

    private static long afterMs(Compaction config) {
        return config.hasAfter() ? Durations.toMillis(config.getAfter()) : AFTER_MS;
    }

    private static long keepMs(Compaction config) {
        return config.hasKeepTombstones() ? Durations.toMillis(config.getKeepTombstones()) : KEEP_TOMBSTONES_MS;
    }
}
