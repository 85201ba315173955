package io.holdfast.storage.log;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A file of frames with its batch index. Named by a number that counts up from 0 along the log, and by its generation if
 * it took the place of others ({@link SegmentRewrite}).
 *
 * <p>The file starts with 40 bytes that say whose it is, then frames follow back to back. Frames are never changed in
 * place: what Raft discards stays as dead bytes that no index entry names, and what compaction lets go stays until the
 * segment is written anew. Frames are written by one thread at a time (Raft's log lock), the index and what is removed by
 * the apply thread; all are read by any.
 */
final class Segment implements Closeable {
    static final String DATA_SUFFIX = ".batches";
    static final String INDEX_SUFFIX = ".index";
    static final String REMOVED_SUFFIX = ".removed";
    static final int HEADER_BYTES = 40;
    private static final long MAGIC = 0x484F4C4446415354L; // "HOLDFAST"
    private static final int VERSION = 1;
    private static final int READ_BYTES = 128 << 10;

    private final Name name;
    private final long firstIndex;
    /** Frames of Raft indexes up to this may be missing; -1 if none. */
    private final long rewrittenTo;

    private final Path directory;
    private final Path file;
    private final FileChannel channel;
    private final BatchIndex index;
    private volatile long size;
    private volatile long appliedBytes;
    private volatile long baseOffset = -1;
    /** Null while nothing is. */
    private volatile @Nullable RemovedOffsets removed;

    /** What its files are called. */
    record Name(long id, int generation) {
        private static final Pattern PATTERN = Pattern.compile("(\\d{10})(?:-(\\d{1,9}))?");

        /** Null if it is none. */
        static @Nullable Name parse(String text) {
            Matcher name = PATTERN.matcher(text);
            if (!name.matches()) {
                return null;
            }
            String generation = name.group(2);
            return new Name(Long.parseLong(name.group(1)), generation == null ? 0 : Integer.parseInt(generation));
        }

        Path in(Path directory, String suffix) {
            return directory.resolve(this + suffix);
        }

        void deleteFiles(Path directory) throws IOException {
            Files.deleteIfExists(in(directory, REMOVED_SUFFIX));
            Files.deleteIfExists(in(directory, INDEX_SUFFIX));
            Files.deleteIfExists(in(directory, DATA_SUFFIX));
        }

        @Override
        public String toString() {
            return String.format("%010d", id) + (generation == 0 ? "" : "-" + generation);
        }
    }

    private Segment(
            Name name,
            long firstIndex,
            long rewrittenTo,
            Path directory,
            FileChannel channel,
            BatchIndex index,
            long size,
            long appliedBytes) {
        this.name = name;
        this.firstIndex = firstIndex;
        this.rewrittenTo = rewrittenTo;
        this.directory = directory;
        this.file = name.in(directory, DATA_SUFFIX);
        this.channel = channel;
        this.index = index;
        this.size = size;
        this.appliedBytes = appliedBytes;
    }

    /**
     * Creates both files; their names are durable on return.
     *
     * @param firstIndex Raft index of the first frame; no frame of a lower index may follow
     * @param rewrittenTo -1, or up to which Raft index the frames may be missing
     */
    static Segment create(Path directory, LogIdentity identity, Name name, long firstIndex, long rewrittenTo)
            throws IOException {
        Path file = name.in(directory, DATA_SUFFIX);
        FileChannel channel = FileChannel.open(
                file, StandardOpenOption.CREATE_NEW, StandardOpenOption.READ, StandardOpenOption.WRITE);
        ByteBuffer header = ByteBuffer.allocate(HEADER_BYTES);
        header.putLong(MAGIC).putInt(VERSION).putLong(identity.topicId()).putInt(identity.partition());
        header.putLong(firstIndex).putInt(0);
        header.putInt(FrameHeader.crc(header.duplicate().flip()));
        writeFully(channel, header.flip(), 0);
        BatchIndex index = BatchIndex.create(name.in(directory, INDEX_SUFFIX));
        DurableDirectory.force(directory);
        return new Segment(name, firstIndex, rewrittenTo, directory, channel, index, HEADER_BYTES, HEADER_BYTES);
    }

    /**
     * Opens a segment that exists.
     *
     * @param state what the checkpoint knows of it; null for one that is younger than the checkpoint
     * @return null if the file was created so shortly before a crash that it has no header yet: it holds nothing
     */
    static @Nullable Segment open(
            Path directory, LogIdentity identity, Name name, @Nullable SegmentState state, Access access)
            throws IOException {
        Path file = name.in(directory, DATA_SUFFIX);
        Path indexFile = name.in(directory, INDEX_SUFFIX);
        if (!Files.exists(file) || (state != null && !Files.exists(indexFile))) {
            throw new DamagedLogException("the checkpoint names " + file + " but it is not there");
        }
        FileChannel channel = access.open(file);
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
                    ? BatchIndex.open(indexFile, state == null ? 0 : state.indexEntries(), access)
                    : BatchIndex.create(indexFile);
            long rewrittenTo = state == null ? -1 : state.rewrittenTo();
            long known = access == Access.WRITE ? size : applied;
            Segment segment = new Segment(name, firstIndex, rewrittenTo, directory, channel, index, known, applied);
            if (index.count() > 0) {
                segment.baseOffset = index.get(0).baseOffset();
            }
            if (state != null && state.removedRanges() > 0) {
                segment.removed = RemovedOffsets.open(
                        name.in(directory, REMOVED_SUFFIX), segment.baseOffset, state.removedRanges(), access);
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
        return name.id();
    }

    Name name() {
        return name;
    }

    long rewrittenTo() {
        return rewrittenTo;
    }

    /** What a checkpoint that is made now knows of it. */
    SegmentState state() {
        RemovedOffsets gone = removed;
        return new SegmentState(
                name.id(),
                name.generation(),
                appliedBytes,
                index.count(),
                gone == null ? 0 : gone.count(),
                rewrittenTo);
    }

    /** Offsets whose records have gone and whose bytes are still here. */
    RemovedOffsets.View removed() {
        RemovedOffsets gone = removed;
        return gone == null ? RemovedOffsets.View.NONE : gone.view();
    }

    /** Lets records of this segment go. */
    void remove(List<OffsetRange> ranges) throws IOException {
        if (!ranges.isEmpty()) {
            RemovedOffsets gone = removed;
            if (gone == null) {
                gone = RemovedOffsets.create(name.in(directory, REMOVED_SUFFIX), baseOffset);
                DurableDirectory.force(directory);
            }
            gone.add(ranges);
            removed = gone;
        }
    }

    /** Offset after the last record that was appended here, or -1 while there is none. */
    long nextOffset() throws IOException {
        return index.count() == 0 ? -1 : index.get(index.count() - 1).nextOffset();
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

    /** Puts what a checkpoint names beside the frames on disk. */
    void forceIndex() throws IOException {
        index.force();
        RemovedOffsets gone = removed;
        if (gone != null) {
            gone.force();
        }
    }

    /** Writes what is there over itself, so that the next {@link #force} is about these bytes too. */
    void writeOnceMore(long from, long to) throws IOException {
        for (long at = from; at < to; at += READ_BYTES) {
            writeFully(channel, read(at, (int) Math.min(READ_BYTES, to - at)), at);
        }
    }

    /** Cuts off the end. */
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
        return read(position, length, ReadMemory.FRESH);
    }

    ByteBuffer read(long position, int length, ReadMemory memory) throws IOException {
        ByteBuffer bytes = memory.take(length);
        readFully(channel, bytes, position, file);
        return bytes.flip();
    }

    /** In pieces: what is read into an array goes through memory outside the heap, which should stay in a processor's cache. */
    static void readFully(FileChannel channel, ByteBuffer into, long position, Path file) throws IOException {
        long at = position;
        int limit = into.limit();
        while (into.position() < limit) {
            int n = channel.read(into.limit(Math.min(limit, into.position() + READ_BYTES)), at);
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
        name.deleteFiles(directory);
    }

    @Override
    public void close() throws IOException {
        channel.close();
        index.close();
        RemovedOffsets gone = removed;
        if (gone != null) {
            gone.close();
        }
    }

    @Override
    public String toString() {
        return file.toString();
    }
}
