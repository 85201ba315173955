package io.holdfast.client;

import io.holdfast.record.RecordHeader;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A record that was read.
 *
 * @param timestampMs the producer's time
 * @param appendTimeMs the leader's time when it took the record
 */
public record ReceivedRecord(
        String topic,
        int partition,
        long offset,
        long timestampMs,
        long appendTimeMs,
        byte @Nullable [] key,
        byte @Nullable [] value,
        List<RecordHeader> headers) {}
