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
        for (int i = firstPast(ranges, from); i < ranges.size() && ranges.get(i).from() < until; i++) {
            OffsetRange range = ranges.get(i);
            cut.add(new OffsetRange(Math.max(range.from(), from), Math.min(range.until(), until)));
        }
        return cut;
    }

    /** Place of the first range that ends after this offset. */
    private static int firstPast(List<OffsetRange> ranges, long offset) {
        int low = 0;
        int high = ranges.size();
        while (low < high) {
            int middle = (low + high) >>> 1;
            if (ranges.get(middle).until() <= offset) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low;
    }
}
