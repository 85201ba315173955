package io.holdfast.storage.log;

import java.util.List;

/**
 * A log as of the last frame applied: all that it names is on disk. Opening from it gives the same log again.
 *
 * @param segments oldest first
 */
public record LogCheckpoint(long startOffset, long nextOffset, List<SegmentState> segments) {
    public static final LogCheckpoint EMPTY = new LogCheckpoint(0, 0, List.of());

    /** Bytes in files up to where the log was applied. */
    public long bytes() {
        long bytes = 0;
        for (SegmentState segment : segments) {
            bytes += segment.appliedBytes() + segment.indexEntries() * BatchEntry.BYTES;
        }
        return bytes;
    }
}
