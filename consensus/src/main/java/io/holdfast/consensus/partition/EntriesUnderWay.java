package io.holdfast.consensus.partition;

import java.util.function.BooleanSupplier;
import java.util.function.IntSupplier;

/**
 * How many Raft entries of a node should be under way at a time. Where processors have time to spare, an entry is waiting
 * for disks and the network most of its time, and several go side by side. Where they have none, an entry more takes
 * time from the others, and makes all of them smaller. Any thread.
 */
final class EntriesUnderWay implements IntSupplier {
    private static final int AT_LEAST = 3;

    private final BooleanSupplier busy;
    private final int whenIdle;
    private final int whenBusy;

    /** @param busy whether the processors have no time to spare */
    EntriesUnderWay(int processors, BooleanSupplier busy) {
        this.busy = busy;
        this.whenIdle = Math.max(AT_LEAST, processors * 3 / 2);
        this.whenBusy = Math.max(1, processors / 2);
    }

    @Override
    public int getAsInt() {
        return busy.getAsBoolean() ? whenBusy : whenIdle;
    }
}
