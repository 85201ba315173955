package io.holdfast.client;

import static java.nio.charset.StandardCharsets.US_ASCII;

import io.holdfast.record.HeaderNames;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordHeader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A record to send. Arrays are not copied: leave them alone until the record is acknowledged.
 *
 * @param partition null: by the key's hash, or, without a key, any
 */
public record ProducerRecord(
        String topic,
        @Nullable Integer partition,
        byte @Nullable [] key,
        byte @Nullable [] value,
        List<RecordHeader> headers,
        long timestampMs) {

    public static ProducerRecord of(String topic, byte @Nullable [] key, byte @Nullable [] value) {
        return new ProducerRecord(topic, null, key, value, List.of(), System.currentTimeMillis());
    }

    /** To a partition of the caller's choice. */
    public static ProducerRecord of(String topic, int partition, byte @Nullable [] key, byte @Nullable [] value) {
        return new ProducerRecord(topic, partition, key, value, List.of(), System.currentTimeMillis());
    }

    /** No queue group gets it later than this after its append. */
    public ProducerRecord withTimeToLive(Duration ttl) {
        List<RecordHeader> more = new ArrayList<>(headers);
        more.add(new RecordHeader(
                HeaderNames.TTL_MS, Long.toString(ttl.toMillis()).getBytes(US_ASCII)));
        return new ProducerRecord(topic, partition, key, value, List.copyOf(more), timestampMs);
    }

    LogRecord toLog() {
        return new LogRecord(timestampMs, key, value, headers);
    }
}
