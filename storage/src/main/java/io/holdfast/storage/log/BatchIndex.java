package io.holdfast.storage.log;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToLongFunction;

/**
 * The batches of one segment in offset order: a file of fixed-size {@link BatchEntry}s, read in place, never loaded.
 *
 * <p>Offsets, positions, Raft indexes and append times all grow along it, so that it serves look-ups by each of them;
 * there is no separate time index. Appended by the apply thread alone; read by any thread, up to {@link #count}. After
 * a crash it is cut back to the checkpoint's count and grows again by replay.
 */
final class BatchIndex implements Closeable {
    private static final int ENTRIES_PER_READ = 64;

    private final Path file;
    private final FileChannel channel;
    private volatile long count;

    private BatchIndex(Path file, FileChannel channel, long count) {
        this.file = file;
        this.channel = channel;
        this.count = count;
    }

    static BatchIndex create(Path file) throws IOException {
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        return new BatchIndex(file, channel, 0);
    }

    /** Opens with the entries that a checkpoint vouches for. */
    static BatchIndex open(Path file, long count, Access access) throws IOException {
        return new BatchIndex(file, access.open(file, count * BatchEntry.BYTES), count);
    }

    long count() {
        return count;
    }

    Path file() {
        return file;
    }

    void append(BatchEntry entry) throws IOException {
        ByteBuffer bytes = entry.encode();
        long at = count * BatchEntry.BYTES;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
        count++;
    }

    BatchEntry get(long ordinal) throws IOException {
        return list(ordinal, 1).get(0);
    }

    /** Entries from {@code ordinal} on, at most {@code max}, fewer at the end; none past {@link #count}. */
    List<BatchEntry> list(long ordinal, int max) throws IOException {
        int n = (int) Math.min(Math.min(max, ENTRIES_PER_READ), count - ordinal);
        if (n <= 0) {
            return List.of();
        }
        ByteBuffer bytes = ByteBuffer.allocate(n * BatchEntry.BYTES);
        Segment.readFully(channel, bytes, ordinal * BatchEntry.BYTES, file);
        List<BatchEntry> entries = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            bytes.position(i * BatchEntry.BYTES);
            entries.add(BatchEntry.decode(bytes, file + " entry " + (ordinal + i)));
        }
        return entries;
    }

    /** Ordinal of the last entry whose key is at most {@code key}, or -1. */
    long lastAtMost(ToLongFunction<BatchEntry> keyOf, long key) throws IOException {
        long low = 0;
        long high = count;
        while (low < high) {
            long middle = (low + high) >>> 1;
            if (keyOf.applyAsLong(get(middle)) <= key) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        return low - 1;
    }

    void force() throws IOException {
        channel.force(false);
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
