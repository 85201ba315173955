package io.holdfast.consensus.queue;

import io.holdfast.record.HeaderNames;
import io.holdfast.record.RecordHeader;
import java.nio.charset.StandardCharsets;

/** How long a queue group may get a record, as its producer says in a header. */
final class TimeToLive {
    private TimeToLive() {}

    /** @param wallMs the leader's clock, the one that append times are of */
    static boolean isOver(RecordCache.Found found, long wallMs) {
        for (RecordHeader header : found.record().headers()) {
            byte[] value = header.value();
            if (header.name().equals(HeaderNames.TTL_MS) && value != null) {
                try {
                    long ttlMs = Long.parseLong(new String(value, StandardCharsets.US_ASCII));
                    return ttlMs >= 0 && wallMs - found.appendMs() > ttlMs;
                } catch (NumberFormatException e) {
                    return false; // whatever it is, it is no time to live
                }
            }
        }
        return false;
    }
}
