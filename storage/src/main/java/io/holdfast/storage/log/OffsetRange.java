package io.holdfast.storage.log;

/** Offsets from one to before another. */
public record OffsetRange(long from, long until) {
    public OffsetRange {
        if (from < 0 || until <= from) {
            throw new IllegalArgumentException("no offsets from " + from + " to before " + until);
        }
    }
}
