package io.holdfast.consensus.compaction;

import io.holdfast.internal.v1.CompactCommand;
import io.holdfast.internal.v1.CompactionPassed;
import io.holdfast.internal.v1.CompactionState;
import io.holdfast.storage.log.OffsetRange;
import java.util.ArrayList;
import java.util.List;

/** What an entry of a compaction says, and what becomes of a partition's state by it. */
public final class Compactions {
    private Compactions() {}

    /** An entry that lets these records go; they are in order. */
    static CompactCommand.Builder command(List<OffsetRange> removed) {
        CompactCommand.Builder command = CompactCommand.newBuilder();
        long end = 0;
        for (OffsetRange range : removed) {
            command.addRemoved(range.from() - end);
            command.addRemoved(range.until() - range.from());
            end = range.until();
        }
        return command;
    }

    /** What an entry lets go, in order. */
    public static List<OffsetRange> removed(CompactCommand command) {
        List<OffsetRange> removed = new ArrayList<>(command.getRemovedCount() / 2);
        long end = 0;
        for (int i = 0; i + 1 < command.getRemovedCount(); i += 2) {
            long from = end + command.getRemoved(i);
            end = from + command.getRemoved(i + 1);
            removed.add(new OffsetRange(from, end));
        }
        return removed;
    }

    /** The state after an entry. */
    public static CompactionState after(CompactionState before, CompactCommand command, long nowMs) {
        if (!command.hasCompactedTo()) {
            return before;
        }
        long gone = Math.max(before.getTombstonesGoneTo(), command.getTombstonesGoneTo());
        long to = Math.max(before.getCompactedTo(), command.getCompactedTo());
        CompactionState.Builder after =
                CompactionState.newBuilder().setCompactedTo(to).setTombstonesGoneTo(gone);
        before.getPassesList().stream().filter(pass -> pass.getTo() > gone).forEach(after::addPasses);
        if (to > before.getCompactedTo()) {
            after.addPasses(CompactionPassed.newBuilder().setTo(to).setMs(nowMs));
        }
        return after.build();
    }

    /**
     * Below which offset tombstones may go: what they superseded has been gone for so long.
     *
     * @param keepMs how long that is
     */
    public static long tombstonesMayGoTo(CompactionState state, long nowMs, long keepMs) {
        long to = state.getTombstonesGoneTo();
        for (CompactionPassed pass : state.getPassesList()) {
            if (nowMs - pass.getMs() >= keepMs) {
                to = Math.max(to, pass.getTo());
            }
        }
        return to;
    }
}
