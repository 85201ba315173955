package io.holdfast.storage.log;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;

/**
 * The log of one partition replica: it owns the segments, and says which records exist.
 *
 * <p>A batch comes in twice. First its bytes, when Raft appends the entry ({@link #write}): they are on disk, in a
 * frame, but no record exists yet. Then, when the entry is committed and the state machine has accepted the batch
 * ({@link #apply}): an index entry gives its records their offsets, and only now can a reader find them. So a reader
 * never sees a byte that Raft may still discard.
 *
 * <p>Threads: {@code write} and {@code truncate} by one thread at a time, under Raft's log lock; {@code apply},
 * {@code trim} and {@code checkpoint} by the apply thread; everything else by any thread.
 *
 * <p>After a crash: what the last {@link LogCheckpoint} names is there; frames after it are found again by their
 * headers; index entries after it come back by applying the Raft log again.
 */
public final class PartitionLog implements Closeable {
    private final Path directory;
    private final LogIdentity identity;
    private final LogSettings settings;
    private final FlushQueue flushes;
    private final ConcurrentNavigableMap<Long, PendingFrame> pending = new ConcurrentSkipListMap<>();
    /** Oldest first; replaced, never changed. Written under {@code this}. */
    private volatile List<Segment> segments;

    private volatile long startOffset;
    private volatile long nextOffset;
    private volatile long bytesWritten;
    /** Trimmed segments, to be deleted once a checkpoint without them is durable. Apply thread only. */
    private final List<Segment> condemned = new ArrayList<>();
    /** Apply thread only. */
    private LogCheckpoint checkpointed;

    private PartitionLog(
            Path directory,
            LogIdentity identity,
            LogSettings settings,
            LogCheckpoint checkpoint,
            List<Segment> segments) {
        this.directory = directory;
        this.identity = identity;
        this.settings = settings;
        this.flushes = new FlushQueue();
        this.segments = List.copyOf(segments);
        this.checkpointed = checkpoint;
        this.startOffset = checkpoint.startOffset();
        this.nextOffset = checkpoint.nextOffset();
    }

    /**
     * Opens the log in a directory, which is created if need be.
     *
     * @param required the frames of all entries that the Raft log holds past the checkpoint
     * @throws DamagedLogException if bytes that must be there are not; nothing was changed then
     */
    public static PartitionLog open(
            Path directory,
            LogIdentity identity,
            LogSettings settings,
            LogCheckpoint checkpoint,
            Collection<FrameId> required)
            throws IOException {
        if (!Files.isDirectory(directory)) {
            if (!checkpoint.segments().isEmpty()) {
                throw new DamagedLogException("the checkpoint names segments in " + directory + " but it is not there");
            }
            DurableDirectory.create(directory);
        }
        LogRecovery recovery = new LogRecovery(directory, identity, checkpoint, required);
        recovery.run();
        PartitionLog log = new PartitionLog(directory, identity, settings, checkpoint, recovery.segments());
        recovery.pending().forEach(frame -> log.pending.put(frame.id().index(), frame));
        return log;
    }

    // ---- Raft's side

    /**
     * Appends the payload of a Raft entry.
     *
     * @param payload one or more whole batches back to back; kept, not copied, until the entry is applied
     * @return done when the bytes are on disk; they are flushed by whoever calls its {@code get} or {@code join} first,
     *     with all that was written before. Fails if they may not be on disk, and then so does every later write
     */
    public CompletableFuture<Void> write(FrameId id, ByteBuffer payload) {
        // An interrupt in the middle of a write would close the file; whoever sent it must wait.
        boolean interrupted = Thread.interrupted();
        try {
            flushes.checkUsable();
            Segment segment = segmentFor(id);
            long position = segment.write(FrameHeader.of(id, payload), payload);
            pending.put(id.index(), new PendingFrame(id, segment, position, payload.remaining(), payload));
            bytesWritten += FrameHeader.BYTES + payload.remaining();
            return flushes.flushed(segment);
        } catch (IOException e) {
            return CompletableFuture.failedFuture(e);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    private Segment segmentFor(FrameId id) throws IOException {
        List<Segment> current = segments;
        long nextSegment = 0;
        if (!current.isEmpty()) {
            Segment last = current.get(current.size() - 1);
            // After a truncation an index may come that is lower than the segment's first: then it is over too.
            if (last.size() < settings.segmentBytesMax() && last.firstIndex() <= id.index()) {
                return last;
            }
            nextSegment = last.id() + 1;
        }
        Segment created = Segment.create(directory, identity, nextSegment, id.index());
        synchronized (this) {
            List<Segment> grown = new ArrayList<>(segments);
            grown.add(created);
            segments = List.copyOf(grown);
        }
        return created;
    }

    /** Forgets the frames of entries from this Raft index on; their bytes stay, dead. */
    public void truncate(long fromIndex) {
        pending.tailMap(fromIndex, true).clear();
    }

    /** Frames after this Raft index that are written and not yet applied, in order. */
    public List<FrameId> pendingAfter(long index) {
        return pending.tailMap(index, false).values().stream()
                .map(PendingFrame::id)
                .toList();
    }

    /** Returns when everything written so far is on disk. */
    public void flush() throws IOException {
        List<Segment> all = segments;
        if (!all.isEmpty()) {
            try {
                flushes.flushed(all.get(all.size() - 1)).join();
            } catch (CompletionException e) {
                throw new IOException("the log cannot be flushed", e.getCause());
            }
        }
    }

    /** The payload of a Raft entry if it is still in memory, which it is until it is applied; else null. */
    public @Nullable ByteBuffer payloadInMemory(FrameId id) {
        PendingFrame frame = pending.get(id.index());
        ByteBuffer payload = frame != null && frame.id().equals(id) ? frame.payload() : null;
        return payload == null ? null : payload.duplicate();
    }

    /**
     * The payload of a Raft entry, for a follower that lacks it. Checked against its checksum. Not on a thread that
     * others may interrupt.
     */
    public ByteBuffer readPayload(FrameId id) throws IOException {
        PendingFrame frame = pending.get(id.index());
        if (frame != null && frame.id().equals(id)) {
            return frame.payload() != null
                    ? frame.payload().duplicate()
                    : readChecked(frame.segment(), frame.payloadPosition() - FrameHeader.BYTES, id);
        }
        List<Segment> all = segments;
        for (int i = all.size() - 1; i >= 0; i--) {
            Segment segment = all.get(i);
            if (segment.firstIndex() <= id.index()) {
                long position = findFrame(segment, id);
                if (position >= 0) {
                    return readChecked(segment, position, id);
                }
            }
        }
        throw new DamagedLogException("no frame of " + id + " in partition " + identity);
    }

    /** Position of the frame's header, or -1. Walks from the nearest index entry before it. */
    private static long findFrame(Segment segment, FrameId id) throws IOException {
        long ordinal = segment.index().lastAtMost(BatchEntry::raftIndex, id.index() - 1);
        long position = ordinal < 0
                ? Segment.HEADER_BYTES
                : segment.index().get(ordinal).frameEnd();
        while (position < segment.size()) {
            FrameHeader header = segment.headerAt(position);
            if (header == null) {
                return -1;
            }
            if (header.id().equals(id)) {
                return position;
            }
            position += FrameHeader.BYTES + header.length();
        }
        return -1;
    }

    private ByteBuffer readChecked(Segment segment, long headerAt, FrameId id) throws IOException {
        FrameHeader header = segment.headerAt(headerAt);
        if (header == null || !header.id().equals(id)) {
            throw new DamagedLogException(segment + " at " + headerAt + " has no frame of " + id);
        }
        ByteBuffer payload = segment.read(headerAt + FrameHeader.BYTES, header.length());
        if (FrameHeader.crc(payload) != header.payloadCrc()) {
            throw new DamagedLogException(
                    segment + " at " + headerAt + ": frame of " + id + " does not match its checksum");
        }
        return payload;
    }

    // ---- the apply thread's side

    /**
     * Makes records of the accepted batches of a committed entry, from {@link #nextOffset} on. The other batches of the
     * frame stay dead bytes.
     */
    public void apply(FrameId id, long appendMs, List<AcceptedBatch> accepted) throws IOException {
        PendingFrame frame = pending.get(id.index());
        if (frame == null || !frame.id().equals(id)) {
            throw new DamagedLogException("partition " + identity + " is to apply " + id + " but has no bytes of it");
        }
        long offset = nextOffset;
        for (AcceptedBatch batch : accepted) {
            frame.segment()
                    .addEntry(new BatchEntry(
                            offset,
                            batch.recordCount(),
                            batch.skippedRecords(),
                            frame.payloadPosition() + batch.positionInPayload(),
                            batch.batchBytes(),
                            batch.crc(),
                            id.index(),
                            id.term(),
                            appendMs,
                            frame.length() - batch.positionInPayload() - batch.batchBytes()));
            offset += batch.recordCount();
        }
        frame.segment().applied(frame.end());
        pending.remove(id.index(), frame);
        nextOffset = offset;
    }

    /** Makes the log begin at this offset instead of 0. To no effect if it has, or had, records. */
    public void begin(long offset) {
        if (nextOffset == 0) {
            startOffset = offset;
            nextOffset = offset;
        }
    }

    /** Makes the log start at a later offset. Files go after the next durable checkpoint. */
    public void trim(long beforeOffset) {
        long start = Math.min(Math.max(startOffset, beforeOffset), nextOffset);
        startOffset = start;
        synchronized (this) {
            List<Segment> kept = new ArrayList<>(segments);
            int first = 0;
            for (int i = 0; i < kept.size(); i++) {
                long base = kept.get(i).baseOffset();
                if (base >= 0 && base <= start) {
                    first = i;
                }
            }
            List<Segment> gone = kept.subList(0, first);
            condemned.addAll(gone);
            gone.clear();
            segments = List.copyOf(kept);
        }
    }

    /**
     * Puts everything applied so far on disk and describes it. When the caller has stored the description durably, it
     * calls {@link #checkpointStored}.
     */
    public LogCheckpoint checkpoint() throws IOException {
        flushes.checkUsable();
        List<SegmentState> states = new ArrayList<>();
        for (Segment segment : segments) {
            if (dirty(segment)) {
                segment.force();
                segment.index().force();
            }
            states.add(new SegmentState(
                    segment.id(), segment.appliedBytes(), segment.index().count()));
        }
        checkpointed = new LogCheckpoint(startOffset, nextOffset, List.copyOf(states));
        return checkpointed;
    }

    private boolean dirty(Segment segment) {
        return checkpointed.segments().stream()
                .noneMatch(state -> state.id() == segment.id()
                        && state.appliedBytes() == segment.appliedBytes()
                        && state.indexEntries() == segment.index().count());
    }

    /** The last {@link #checkpoint} is durable: trimmed segments may go. */
    public void checkpointStored() throws IOException {
        for (Segment segment : condemned) {
            segment.delete();
        }
        condemned.clear();
    }

    // ---- the readers' side

    /** First offset that is kept. */
    public long startOffset() {
        return startOffset;
    }

    /** High watermark: offset that the next record will get. */
    public long nextOffset() {
        return nextOffset;
    }

    /**
     * Reads whole batches from the one that holds the offset on, at least one if there is one.
     *
     * @param untilOffset exclusive; batches that start there or later are left out
     * @param bytesMax stops before exceeding it, except for the first batch
     * @throws OffsetOutOfRangeException below {@link #startOffset} or above {@link #nextOffset}
     * @throws DamagedLogException if bytes do not match their checksum
     */
    public LogSlice read(long offset, long untilOffset, int bytesMax) throws OffsetOutOfRangeException, IOException {
        long end = nextOffset;
        if (offset < startOffset || offset > end) {
            throw new OffsetOutOfRangeException(offset, startOffset, end);
        }
        long limit = Math.min(end, untilOffset);
        if (offset >= limit) {
            return new LogSlice(List.of(), ByteBuffer.allocate(0), offset);
        }
        try {
            Segment segment = segmentOf(offset);
            List<BatchEntry> chosen = choose(segment, offset, limit, bytesMax);
            ByteBuffer bytes = readBatches(segment, chosen);
            return new LogSlice(chosen, bytes, chosen.get(chosen.size() - 1).nextOffset());
        } catch (ClosedChannelException | DamagedLogException e) {
            if (offset < startOffset) { // trimmed while it was being read
                throw new OffsetOutOfRangeException(offset, startOffset, end);
            }
            throw e;
        }
    }

    /** Offset of the first record appended at or after this time, or the high watermark. */
    public long offsetAt(long timeMs) throws IOException {
        long end = nextOffset;
        for (Segment segment : segments) {
            long count = segment.index().count();
            if (count > 0 && segment.index().get(count - 1).appendMs() >= timeMs) {
                long before = segment.index().lastAtMost(BatchEntry::appendMs, timeMs - 1);
                long offset = segment.index().get(before + 1).baseOffset();
                return Math.min(Math.max(offset, startOffset), end);
            }
        }
        return end;
    }

    /**
     * First offset such that the batches from there on have at most so many bytes together: where a log that may not be
     * larger should start. At least {@link #startOffset}, at most {@link #nextOffset}.
     */
    public long offsetKeeping(long bytesMax) throws IOException {
        long end = nextOffset;
        long room = bytesMax;
        long keepFrom = end;
        List<Segment> all = segments;
        for (int i = all.size() - 1; i >= 0; i--) {
            Segment segment = all.get(i);
            if (segment.baseOffset() < 0) {
                continue;
            }
            long from = segment.size() - room;
            if (from > Segment.HEADER_BYTES) {
                long first = segment.index().lastAtMost(BatchEntry::position, from - 1) + 1;
                return Math.max(
                        startOffset,
                        first < segment.index().count()
                                ? segment.index().get(first).baseOffset()
                                : keepFrom);
            }
            room -= segment.size() - Segment.HEADER_BYTES;
            keepFrom = segment.baseOffset();
        }
        return startOffset;
    }

    /** Bytes of the batches from the one that holds {@link #startOffset} on. */
    public long bytesKept() throws IOException {
        long start = startOffset;
        if (start == nextOffset) {
            return 0;
        }
        long bytes = 0;
        List<Segment> all = segments;
        for (int i = all.size() - 1; i >= 0; i--) {
            Segment segment = all.get(i);
            if (segment.baseOffset() >= 0 && segment.baseOffset() <= start) {
                long ordinal = segment.index().lastAtMost(BatchEntry::baseOffset, start);
                return bytes + segment.size() - segment.index().get(ordinal).position();
            }
            bytes += segment.size() - Segment.HEADER_BYTES;
        }
        return bytes;
    }

    private Segment segmentOf(long offset) throws IOException {
        List<Segment> all = segments;
        for (int i = all.size() - 1; i >= 0; i--) {
            long base = all.get(i).baseOffset();
            if (base >= 0 && base <= offset) {
                return all.get(i);
            }
        }
        throw new DamagedLogException("partition " + identity + " has no segment with offset " + offset);
    }

    private static List<BatchEntry> choose(Segment segment, long offset, long limit, int bytesMax) throws IOException {
        long ordinal = segment.index().lastAtMost(BatchEntry::baseOffset, offset);
        List<BatchEntry> chosen = new ArrayList<>();
        long bytes = 0;
        while (true) {
            List<BatchEntry> entries = segment.index().list(ordinal, Integer.MAX_VALUE);
            for (BatchEntry entry : entries) {
                boolean full = !chosen.isEmpty() && bytes + entry.batchBytes() > bytesMax;
                if (full || entry.baseOffset() >= limit) {
                    return chosen;
                }
                chosen.add(entry);
                bytes += entry.batchBytes();
            }
            if (entries.isEmpty()) {
                return chosen;
            }
            ordinal += entries.size();
        }
    }

    /** One read where the batches lie close together; then they are moved up against each other. */
    private static ByteBuffer readBatches(Segment segment, List<BatchEntry> entries) throws IOException {
        BatchEntry first = entries.get(0);
        BatchEntry last = entries.get(entries.size() - 1);
        int wanted = entries.stream().mapToInt(BatchEntry::batchBytes).sum();
        long range = last.position() + last.batchBytes() - first.position();
        boolean together = range <= 2L * wanted;
        ByteBuffer bytes = together ? segment.read(first.position(), (int) range) : ByteBuffer.allocate(wanted);
        int to = 0;
        for (BatchEntry entry : entries) {
            if (together) {
                int from = (int) (entry.position() - first.position());
                System.arraycopy(bytes.array(), from, bytes.array(), to, entry.batchBytes());
            } else {
                bytes.put(to, segment.read(entry.position(), entry.batchBytes()), 0, entry.batchBytes());
            }
            BatchStamp.checkAndStamp(bytes.slice(to, entry.batchBytes()), entry, segment);
            to += entry.batchBytes();
        }
        return bytes.limit(to);
    }

    // ---- figures

    /** Bytes that {@link #write} has put into segments since the log was opened. */
    public long bytesWritten() {
        return bytesWritten;
    }

    public long flushes() {
        return flushes.flushes();
    }

    public long bytesOnDisk() {
        long bytes = 0;
        for (Segment segment : segments) {
            bytes += segment.size() + segment.index().count() * BatchEntry.BYTES;
        }
        return bytes;
    }

    public Path directory() {
        return directory;
    }

    @Override
    public void close() throws IOException {
        for (Segment segment : segments) {
            segment.close();
        }
        for (Segment segment : condemned) {
            segment.close();
        }
    }
}
