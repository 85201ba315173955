package io.holdfast.storage.log;

/** The offset is not in the log: trimmed away, or past its end. */
public final class OffsetOutOfRangeException extends Exception {
    private static final long serialVersionUID = 1L;
    private final long startOffset;
    private final long nextOffset;

    public OffsetOutOfRangeException(long offset, long startOffset, long nextOffset) {
        super("offset " + offset + " is not in the log, which has " + startOffset + " to " + nextOffset);
        this.startOffset = startOffset;
        this.nextOffset = nextOffset;
    }

    public long startOffset() {
        return startOffset;
    }

    public long nextOffset() {
        return nextOffset;
    }
}
