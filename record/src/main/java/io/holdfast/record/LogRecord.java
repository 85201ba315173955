package io.holdfast.record;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One record as a producer wrote it, without its offset.
 *
 * @param timestampMs event time, milliseconds since 1970
 * @param key absent or any bytes; not copied, so leave the array alone
 * @param value absent (a tombstone) or any bytes; not copied
 * @param headers in the order written; names may repeat
 */
public record LogRecord(long timestampMs, byte @Nullable [] key, byte @Nullable [] value, List<RecordHeader> headers) {

    public LogRecord(long timestampMs, byte @Nullable [] key, byte @Nullable [] value) {
        this(timestampMs, key, value, List.of());
    }
}
