package io.holdfast.storage.log;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.BitSet;
import java.util.List;

/**
 * Offsets of a segment whose records have gone and whose bytes are still there: a file of ranges, kept in memory as a bit
 * per offset until the segment is written anew without them (docs/formats/removed.md).
 *
 * <pre>
 *  0  uint64  first offset
 *  8  uint32  number of offsets
 * 12  uint32  CRC32C of bytes 0 to 11
 * </pre>
 *
 * <p>Added to by the apply thread alone; read by any thread. After a crash it is cut back to the checkpoint's count and
 * grows again by replay.
 */
final class RemovedOffsets implements Closeable {
    static final int BYTES = 16;
    private static final int CRC_AT = 12;

    private final Path file;
    private final FileChannel channel;
    /** Offset of the first bit. */
    private final long base;

    private volatile long count;
    /** Replaced, never changed. */
    private volatile BitSet bits = new BitSet();

    /** @param base no offset is lower */
    private RemovedOffsets(Path file, FileChannel channel, long base) {
        this.file = file;
        this.channel = channel;
        this.base = base;
    }

    /** An empty one, also if there is a file, which no checkpoint names then. */
    static RemovedOffsets create(Path file, long base) throws IOException {
        FileChannel channel = FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.READ,
                StandardOpenOption.WRITE);
        return new RemovedOffsets(file, channel, base);
    }

    /** Opens with the ranges that a checkpoint vouches for. */
    static RemovedOffsets open(Path file, long base, long count, Access access) throws IOException {
        FileChannel channel = access.open(file, count * BYTES);
        boolean opened = false;
        try {
            RemovedOffsets removed = new RemovedOffsets(file, channel, base);
            removed.load(count);
            opened = true;
            return removed;
        } finally {
            if (!opened) {
                channel.close();
            }
        }
    }

    private void load(long ranges) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(Math.toIntExact(ranges * BYTES));
        Segment.readFully(channel, bytes, 0, file);
        bytes.flip();
        BitSet loaded = new BitSet();
        while (bytes.hasRemaining()) {
            int at = bytes.position();
            if (FrameHeader.crc(bytes.slice(at, CRC_AT)) != bytes.getInt(at + CRC_AT)) {
                throw new DamagedLogException(file + " at " + at + " does not match its checksum");
            }
            int first = Math.toIntExact(bytes.getLong(at) - base);
            loaded.set(first, Math.addExact(first, bytes.getInt(at + 8)));
            bytes.position(at + BYTES);
        }
        count = ranges;
        bits = loaded;
    }

    /** Adds ranges of this segment; not durable until {@link #force}. */
    void add(List<OffsetRange> ranges) throws IOException {
        ByteBuffer out = ByteBuffer.allocate(ranges.size() * BYTES);
        BitSet grown = (BitSet) bits.clone();
        for (OffsetRange range : ranges) {
            int at = out.position();
            out.putLong(range.from()).putInt(Math.toIntExact(range.until() - range.from()));
            out.putInt(FrameHeader.crc(out.slice(at, CRC_AT)));
            grown.set(Math.toIntExact(range.from() - base), Math.toIntExact(range.until() - base));
        }
        out.flip();
        long position = count * BYTES;
        while (out.hasRemaining()) {
            position += channel.write(out, position);
        }
        count += ranges.size();
        bits = grown;
    }

    long count() {
        return count;
    }

    Path file() {
        return file;
    }

    /** What is gone now; does not change. */
    View view() {
        return new View(bits, base);
    }

    void force() throws IOException {
        channel.force(false);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }

    /** The offsets that had gone at one moment. */
    record View(BitSet bits, long base) {
        static final View NONE = new View(new BitSet(), 0);

        boolean isEmpty() {
            return bits.isEmpty();
        }

        long size() {
            return bits.cardinality();
        }

        boolean has(long offset) {
            long bit = offset - base;
            return bit >= 0 && bit < bits.length() && bits.get((int) bit);
        }

        boolean hasAny(long from, long until) {
            return next(from) < until;
        }

        boolean hasAll(long from, long until) {
            long bit = Math.max(0, from - base);
            return from >= base && bit < bits.length() && bits.nextClearBit((int) bit) >= until - base;
        }

        private long next(long offset) {
            long bit = Math.max(0, offset - base);
            int next = bit < bits.length() ? bits.nextSetBit((int) bit) : -1;
            return next < 0 ? Long.MAX_VALUE : base + next;
        }

        /** What has gone since an earlier moment of the same segment. */
        List<OffsetRange> since(View before) {
            BitSet fresh = (BitSet) bits.clone();
            fresh.andNot(before.bits);
            return OffsetRanges.of(fresh, base);
        }
    }
}
