package io.holdfast.consensus.queue;

import io.holdfast.record.HeaderNames;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordHeader;
import java.util.LinkedHashMap;
import java.util.Map;

/** Priorities of a partition's records, as their producers say in a header: a byte each once looked at. Any thread. */
final class Priorities implements PriorityOrder.Lookup {
    static final int LEVELS = 10;
    private static final byte DEFAULT = 4;
    private static final int CHUNK_RECORDS = 1024;
    private static final int CHUNKS_MAX = 64;

    private final RecordCache.View records;
    /** By first offset; 0 where nobody has looked, else one more than the priority. */
    private final Map<Long, byte[]> chunks = new LinkedHashMap<>(16, 0.75f, true) {
        @Override
        protected boolean removeEldestEntry(Map.Entry<Long, byte[]> eldest) {
            return size() > CHUNKS_MAX;
        }
    };

    Priorities(RecordCache.View records) {
        this.records = records;
    }

    @Override
    public synchronized void forEach(long from, long to, PriorityOrder.Visitor visitor) {
        for (long offset = from; offset < to; offset++) {
            visitor.visit(offset, of(offset));
        }
    }

    private int of(long offset) {
        byte[] chunk = chunks.computeIfAbsent(offset / CHUNK_RECORDS, c -> new byte[CHUNK_RECORDS]);
        int place = (int) (offset % CHUNK_RECORDS);
        if (chunk[place] == 0) {
            RecordCache.Found found = records.at(offset);
            chunk[place] = (byte) (1 + (found == null ? DEFAULT : of(found.record())));
        }
        return chunk[place] - 1;
    }

    private static int of(LogRecord record) {
        for (RecordHeader header : record.headers()) {
            byte[] value = header.value();
            if (header.name().equals(HeaderNames.PRIORITY) && value != null && value.length == 1) {
                int priority = value[0] - '0';
                return priority >= 0 && priority < LEVELS ? priority : DEFAULT;
            }
        }
        return DEFAULT;
    }

    /** After the partition has changed hands, or its cache was emptied. */
    synchronized void forget() {
        chunks.clear();
    }
}
