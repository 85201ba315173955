package io.holdfast.cli.quickstart;

import java.nio.ByteBuffer;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * What was sent, acknowledged and read back. Records are numbered; the checksum of a set of records is the sum of their
 * CRCs over number and content, so it does not depend on their order. Thread-safe.
 */
final class Ledger {
    private final Map<Integer, Long> crcs = new HashMap<>();
    private final BitSet acknowledged = new BitSet();
    private final BitSet read = new BitSet();
    private final Map<Integer, Gap> gaps = new HashMap<>();
    private long bytes;
    private long failed;
    private long duplicates;
    private long strangers;
    private long readChecksum;

    /** Longest silence between two acknowledgements. */
    private static final class Gap {
        long lastNanos = System.nanoTime();
        long longestNanos;
    }

    synchronized void sent(int number, byte[] content) {
        crcs.put(number, crc(number, content));
        bytes += content.length;
    }

    synchronized void acknowledged(int number, int partition) {
        acknowledged.set(number);
        Gap gap = gaps.computeIfAbsent(partition, p -> new Gap());
        long now = System.nanoTime();
        gap.longestNanos = Math.max(gap.longestNanos, now - gap.lastNanos);
        gap.lastNanos = now;
    }

    synchronized void failed() {
        failed++;
    }

    synchronized void read(int number, byte[] content) {
        long crc = crc(number, content);
        if (read.get(number)) {
            duplicates++;
        } else if (crcs.getOrDefault(number, -1L) != crc) {
            strangers++;
        } else {
            read.set(number);
            readChecksum += crc;
        }
    }

    private static long crc(int number, byte[] content) {
        CRC32C crc = new CRC32C();
        crc.update(ByteBuffer.allocate(4).putInt(0, number));
        crc.update(content);
        return crc.getValue();
    }

    synchronized int sentCount() {
        return crcs.size();
    }

    synchronized long sentBytes() {
        return bytes;
    }

    synchronized int acknowledgedCount() {
        return acknowledged.cardinality();
    }

    synchronized long failedCount() {
        return failed;
    }

    synchronized int readCount() {
        return read.cardinality();
    }

    synchronized int lostCount() {
        BitSet lost = (BitSet) acknowledged.clone();
        lost.andNot(read);
        return lost.cardinality();
    }

    synchronized long duplicateCount() {
        return duplicates;
    }

    /** Records read that are not as any that was sent. */
    synchronized long strangerCount() {
        return strangers;
    }

    synchronized boolean checksumsAgree() {
        long expected = 0;
        for (int i = read.nextSetBit(0); i >= 0; i = read.nextSetBit(i + 1)) {
            expected += crcs.getOrDefault(i, 0L);
        }
        return expected == readChecksum && strangers == 0;
    }

    synchronized long readChecksum() {
        return readChecksum;
    }

    /** Longest silence in any partition, milliseconds. */
    synchronized double longestGapMs() {
        return gaps.values().stream().mapToLong(gap -> gap.longestNanos).max().orElse(0) / 1e6;
    }
}
