package io.holdfast.storage.log;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/** Between sets of offsets and ranges of them. */
public final class OffsetRanges {
    private OffsetRanges() {}

    /** The set bits as ranges, in order. */
    public static List<OffsetRange> of(BitSet bits, long base) {
        List<OffsetRange> ranges = new ArrayList<>();
        for (int from = bits.nextSetBit(0); from >= 0; ) {
            int until = bits.nextClearBit(from);
            ranges.add(new OffsetRange(base + from, base + until));
            from = bits.nextSetBit(until);
        }
        return ranges;
    }

    /** What of these ranges, which are in order, is from one offset to before another. */
    static List<OffsetRange> within(List<OffsetRange> ranges, long from, long until) {
        List<OffsetRange> cut = new ArrayList<>();
        for (OffsetRange range : ranges) {
            long first = Math.max(range.from(), from);
            long end = Math.min(range.until(), until);
            if (first < end) {
                cut.add(new OffsetRange(first, end));
            }
        }
        return cut;
    }
}
