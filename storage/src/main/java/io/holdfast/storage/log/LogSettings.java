package io.holdfast.storage.log;

/**
 * @param segmentBytesMax a segment that has reached this size takes no further frame
 */
public record LogSettings(long segmentBytesMax) {
    public LogSettings {
        if (segmentBytesMax < 1) {
            throw new IllegalArgumentException("segmentBytesMax must be positive, not " + segmentBytesMax);
        }
    }
}
