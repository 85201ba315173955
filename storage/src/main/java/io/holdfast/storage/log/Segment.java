package io.holdfast.storage.log;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/**
 * A file of frames with its batch index. Named by a number that counts up from 0 along the log.
 *
 * <p>The file starts with 40 bytes that say whose it is, then frames follow back to back. Frames are never rewritten:
 * what Raft discards stays as dead bytes that no index entry names. Frames are written by one thread at a time (Raft's
 * log lock), the index by the apply thread; both are read by any.
 */
final class Segment implements Closeable {
    static final String DATA_SUFFIX = ".batches";
    static final String INDEX_SUFFIX = ".index";
    static final int HEADER_BYTES = 40;
    private static final long MAGIC = 0x484F4C4446415354L; // "HOLDFAST"
    private static final int VERSION = 1;

    private final long id;
    private final long firstIndex;
    private final Path file;
    private final FileChannel channel;
    private final BatchIndex index;
    private volatile long size;
    private volatile long appliedBytes;
    private volatile long baseOffset = -1;

    private Segment(
            long id, long firstIndex, Path file, FileChannel channel, BatchIndex index, long size, long appliedBytes) {
        this.id = id;
        this.firstIndex = firstIndex;
        this.file = file;
        this.channel = channel;
        this.index = index;
        this.size = size;
        this.appliedBytes = appliedBytes;
    }

    static String name(long id) {
        return String.format("%010d", id);
    }

    /**
     * Creates both files; their names are durable on return.
     *
     * @param firstIndex Raft index of the first frame; no frame of a lower index may follow
     */
    static Segment create(Path directory, LogIdentity identity, long id, long firstIndex) throws IOException {
        Path file = directory.resolve(name(id) + DATA_SUFFIX);
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
        header.putLong(MAGIC).putInt(VERSION).putLong(identity.topicId()).putInt(identity.partition());
        header.putLong(firstIndex).putInt(0);
        header.putInt(FrameHeader.crc(header.duplicate().flip()));
        writeFully(channel, header.flip(), 0);
        BatchIndex index = BatchIndex.create(directory.resolve(name(id) + INDEX_SUFFIX));
        DurableDirectory.force(directory);
        return new Segment(id, firstIndex, file, channel, index, HEADER_BYTES, HEADER_BYTES);
    }

    /**
     * Opens a segment that exists.
     *
     * @param state what the checkpoint knows of it; null for one that is younger than the checkpoint
     * @return null if the file was created so shortly before a crash that it has no header yet: it holds nothing
     */
    static @Nullable Segment open(Path directory, LogIdentity identity, long id, @Nullable SegmentState state)
            throws IOException {
        Path file = directory.resolve(name(id) + DATA_SUFFIX);
        Path indexFile = directory.resolve(name(id) + INDEX_SUFFIX);
        if (!Files.exists(file) || (state != null && !Files.exists(indexFile))) {
            throw new DamagedLogException("the checkpoint names " + file + " but it is not there");
        }
        FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
        boolean opened = false;
        try {
            long size = channel.size();
            if (size < HEADER_BYTES) {
                if (state != null) {
                    throw new DamagedLogException(file + " lost its header");
                }
                return null;
            }
            long firstIndex = checkHeader(channel, file, identity);
            long applied = state == null ? HEADER_BYTES : state.appliedBytes();
            if (size < applied) {
                throw new DamagedLogException(file + " has " + size + " bytes, the checkpoint knows of " + applied);
            }
            BatchIndex index = Files.exists(indexFile)
                    ? BatchIndex.open(indexFile, state == null ? 0 : state.indexEntries())
                    : BatchIndex.create(indexFile);
            Segment segment = new Segment(id, firstIndex, file, channel, index, size, applied);
            if (index.count() > 0) {
                segment.baseOffset = index.get(0).baseOffset();
            }
            opened = true;
            return segment;
        } finally {
            if (!opened) {
                channel.close();
            }
        }
    }

    private static long checkHeader(FileChannel channel, Path file, LogIdentity identity) throws IOException {
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
        readFully(channel, header, 0, file);
        header.flip();
        if (FrameHeader.crc(header.slice(0, HEADER_BYTES - 4)) != header.getInt(HEADER_BYTES - 4)) {
            throw new DamagedLogException(file + " has a header that does not match its checksum");
        }
        if (header.getLong() != MAGIC || header.getInt() != VERSION) {
            throw new DamagedLogException(file + " is not a segment of version " + VERSION);
        }
        LogIdentity found = new LogIdentity(header.getLong(), header.getInt());
        if (!found.equals(identity)) {
            throw new DamagedLogException(file + " belongs to partition " + found + ", not " + identity);
        }
        return header.getLong();
    }

    long id() {
        return id;
    }

    /** No frame in here has a lower Raft index. */
    long firstIndex() {
        return firstIndex;
    }

    Path file() {
        return file;
    }

    BatchIndex index() {
        return index;
    }

    /** Offset of the first record in here, or -1 while there is none. */
    long baseOffset() {
        return baseOffset;
    }

    long size() {
        return size;
    }

    /** End of the last frame that was applied. */
    long appliedBytes() {
        return appliedBytes;
    }

    void applied(long end) {
        appliedBytes = Math.max(appliedBytes, end);
    }

    void addEntry(BatchEntry entry) throws IOException {
        index.append(entry);
        if (baseOffset < 0) {
            baseOffset = entry.baseOffset();
        }
    }

    /** Appends a frame; not durable until {@link #force}. Returns the position of its payload. */
    long write(FrameHeader header, ByteBuffer payload) throws IOException {
        long at = size;
        ByteBuffer[] parts = {header.encode(), payload.duplicate()};
        long end = at + FrameHeader.BYTES + header.length();
        channel.position(at);
        while (parts[1].hasRemaining() || parts[0].hasRemaining()) {
            channel.write(parts);
        }
        size = end;
        return at + FrameHeader.BYTES;
    }

    void force() throws IOException {
        channel.force(false);
    }

    /** Cuts an incomplete last write. */
    void cutTail(long end) throws IOException {
        channel.truncate(end);
        channel.force(false);
        size = end;
    }

    /** The frame header at a position, or null if there is none that is whole. */
    @Nullable
    FrameHeader headerAt(long position) throws IOException {
        if (position + FrameHeader.BYTES > size) {
            return null;
        }
        ByteBuffer bytes = ByteBuffer.allocate(FrameHeader.BYTES);
        readFully(channel, bytes, position, file);
        FrameHeader header = FrameHeader.decode(bytes.flip());
        return header == null || position + FrameHeader.BYTES + header.length() > size ? null : header;
    }

    ByteBuffer read(long position, int length) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(length);
        readFully(channel, bytes, position, file);
        return bytes.flip();
    }

    static void readFully(FileChannel channel, ByteBuffer into, long position, Path file) throws IOException {
        long at = position;
        while (into.hasRemaining()) {
            int n = channel.read(into, at);
            if (n < 0) {
                throw new DamagedLogException(file + " ends at " + at + ", " + into.remaining() + " bytes too early");
            }
            at += n;
        }
    }

    private static void writeFully(FileChannel channel, ByteBuffer bytes, long position) throws IOException {
        long at = position;
        while (bytes.hasRemaining()) {
            at += channel.write(bytes, at);
        }
    }

    void delete() throws IOException {
        close();
        Files.deleteIfExists(index.file());
        Files.deleteIfExists(file);
    }

    @Override
    public void close() throws IOException {
        channel.close();
        index.close();
    }

    @Override
    public String toString() {
        return file.toString();
    }
}
