package io.holdfast.client;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.record.HeaderNames;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordHeader;
import java.time.Duration;
import java.time.Instant;
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
        return with(HeaderNames.TTL_MS, Long.toString(ttl.toMillis()));
    }

    /**
     * For queue groups that look at priorities.
     *
     * @param priority 0 to 9, the higher the earlier; records without one count as 4
     */
    public ProducerRecord withPriority(int priority) {
        if (priority < 0 || priority > 9) {
            throw new IllegalArgumentException("choose a priority from 0 to 9, not " + priority);
        }
        return with(HeaderNames.PRIORITY, Integer.toString(priority));
    }

    /**
     * Not in the log before that time, at most a year ahead; until then it can be listed and cancelled, see {@link
     * ScheduleAdmin}. A time that is past means at once.
     */
    public ProducerRecord withDeliverAt(Instant time) {
        return with(HeaderNames.DELIVER_AT_MS, Long.toString(time.toEpochMilli()));
    }

    /**
     * In a topic with a dedup window: not stored if one with this id was within it; the position is that one's then. Without
     * a key the id says which partition.
     */
    public ProducerRecord withMessageId(String id) {
        return with(HeaderNames.MESSAGE_ID, id);
    }

    byte @Nullable [] messageId() {
        RecordHeader id = header(HeaderNames.MESSAGE_ID);
        return id == null ? null : id.value();
    }

    boolean isScheduled() {
        return header(HeaderNames.DELIVER_AT_MS) != null;
    }

    private @Nullable RecordHeader header(String name) {
        if (headers.isEmpty()) {
            return null; // most have none, and each is asked twice
        }
        for (RecordHeader header : headers) {
            if (header.name().equals(name)) {
                return header;
            }
        }
        return null;
    }

    private ProducerRecord with(String header, String value) {
        List<RecordHeader> more = new ArrayList<>(headers);
        more.add(new RecordHeader(header, value.getBytes(UTF_8)));
        return new ProducerRecord(topic, partition, key, this.value, List.copyOf(more), timestampMs);
    }

    LogRecord toLog() {
        return new LogRecord(timestampMs, key, value, headers);
    }
}
