package io.holdfast.consensus.compaction;

import io.holdfast.consensus.dedup.MessageId;
import java.util.Arrays;

/**
 * The last offset of each key, by a hash of 128 bits of the key: a table of fixed size with open addressing, 24 bytes a
 * place. Two keys of one hash would be one here; with SHA-256, cut in half, nobody can make two. One thread.
 */
public final class LastOffsets {
    private static final int PLACE_LONGS = 3;
    private static final double LOAD_MAX = 0.75;

    private final long[] table;
    private final int places;
    private final int keysMax;
    private int keys;

    /** @param bytes memory to use; for at least one key */
    public LastOffsets(long bytes) {
        places = (int) Math.min(Integer.MAX_VALUE / PLACE_LONGS - 1, Math.max(2, bytes / (PLACE_LONGS * Long.BYTES)));
        table = new long[places * PLACE_LONGS];
        keysMax = Math.max(1, (int) (places * LOAD_MAX));
    }

    public void clear() {
        Arrays.fill(table, 0);
        keys = 0;
    }

    /** Takes note of a key's record; false, and nothing has changed, if there is no room for another key. */
    boolean put(byte[] key, long offset) {
        MessageId hash = MessageId.of(key);
        int at = place(hash);
        if (table[at + 2] == 0) {
            if (keys == keysMax) {
                return false;
            }
            keys++;
            table[at] = hash.high();
            table[at + 1] = hash.low();
        }
        table[at + 2] = offset + 1; // 0 is for no record
        return true;
    }

    /** The last offset that was noted of a key, or -1. */
    long get(byte[] key) {
        return table[place(MessageId.of(key)) + 2] - 1;
    }

    /** Where the hash is, or would be. */
    private int place(MessageId hash) {
        int place = (int) Long.remainderUnsigned(hash.high(), places);
        while (true) {
            int at = place * PLACE_LONGS;
            if (table[at + 2] == 0 || (table[at] == hash.high() && table[at + 1] == hash.low())) {
                return at;
            }
            place = place + 1 == places ? 0 : place + 1;
        }
    }
}
