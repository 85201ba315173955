package io.holdfast.storage.log;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentNavigableMap;
import java.util.concurrent.ConcurrentSkipListMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The log of one partition replica: it owns the segments, and says which records exist.
 *
 * <p>A batch comes in twice. First its bytes, when Raft appends the entry ({@link #write}, {@link #writeBehind}): they are
 * in a frame, on disk here or in the Raft log, but no record exists yet. Then, when the entry is committed and the state
 * machine has accepted the batch ({@link #apply}): an index entry gives its records their offsets, and only now can a
 * reader find them. So a reader never sees a byte that Raft may still discard.
 *
 * <p>Records may go again: the oldest by {@link #trim}, and any by {@link #remove}, after which no reader finds them, while
 * their bytes stay until a {@link SegmentRewrite} leaves them out. Offsets never change.
 *
 * <p>Threads: {@code write} and {@code truncate} by one thread at a time, under Raft's log lock; {@code apply},
 * {@code trim}, {@code remove}, {@code checkpoint} and {@code replace} by the apply thread, or under what excludes it;
 * everything else by any thread.
 *
 * <p>After a crash: what the last {@link LogCheckpoint} names is there; frames after it are found again by their
 * headers, and those that were written behind and are not there are written again; index entries after it come back by
 * applying the Raft log again.
 */
public final class PartitionLog implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(PartitionLog.class);

    private final Path directory;
    private final LogIdentity identity;
    private final LogSettings settings;
    private final FlushQueue flushes;
    private final ConcurrentNavigableMap<Long, PendingFrame> pending = new ConcurrentSkipListMap<>();
    /** Oldest first; replaced, never changed. Written under {@code this}. */
    private volatile List<Segment> segments;

    private volatile long payloadsFrom;
    private volatile long startOffset;
    private volatile long nextOffset;
    private volatile long bytesWritten;
    /** Held while a frame is written, so that a segment can be closed to further ones. */
    private final Object writing = new Object();
    /** Segments up to this take no further frame. Written under {@code writing}. */
    private volatile long sealedTo;
    /** Trimmed and rewritten segments, to be deleted once a checkpoint without them is durable. Apply thread only. */
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
        this.sealedTo = checkpoint.segments().stream()
                .filter(segment -> segment.rewrittenTo() >= 0)
                .mapToLong(SegmentState::id)
                .max()
                .orElse(-1);
        for (Segment segment : segments) {
            payloadsFrom = Math.max(payloadsFrom, segment.rewrittenTo() + 1);
        }
    }

    /**
     * Opens the log in a directory, which is created if need be.
     *
     * @param expected the frames of all entries that the Raft log holds past the checkpoint
     * @throws DamagedLogException if bytes that must be there are not; nothing was changed then
     */
    public static PartitionLog open(
            Path directory,
            LogIdentity identity,
            LogSettings settings,
            LogCheckpoint checkpoint,
            ExpectedFrames expected)
            throws IOException {
        if (!Files.isDirectory(directory)) {
            if (!checkpoint.segments().isEmpty()) {
                throw new DamagedLogException("the checkpoint names segments in " + directory + " but it is not there");
            }
            DurableDirectory.create(directory);
        }
        LogRecovery recovery = new LogRecovery(directory, identity, checkpoint, expected);
        recovery.run();
        PartitionLog log = new PartitionLog(directory, identity, settings, checkpoint, recovery.segments());
        for (PendingFrame frame : recovery.pending()) {
            log.pending.put(frame.id().index(), frame);
            log.flushes.foundBehind(frame.segment()); // by a process that may not have come to flush it
        }
        if (!recovery.lost().isEmpty()) {
            log.writeAgain(recovery.lost(), expected.keeper());
        }
        return log;
    }

    /** Writes frames that never reached the disk from where they were kept; they are on disk on return. */
    private void writeAgain(Set<FrameId> lost, ExpectedFrames.Keeper keeper) throws IOException {
        boolean done = false;
        try {
            LOG.info("{}: writing {} frames again that were not flushed", this, lost.size());
            Map<FrameId, CompletableFuture<Void>> written = new HashMap<>();
            keeper.read(lost, (id, payload) -> written.put(id, write(id, payload)));
            if (!written.keySet().equals(lost)) {
                throw new DamagedLogException(this + " lacks the bytes of " + lost.size()
                        + " entries, and the Raft log has " + written.size());
            }
            written.values().forEach(CompletableFuture::join);
            done = true;
        } catch (CompletionException e) {
            throw new IOException(this + " cannot be written", e.getCause());
        } finally {
            if (!done) {
                close();
            }
        }
    }

    /**
     * Opens what a checkpoint names, to read it. Nothing is written and nothing cut: somebody else may have opened the log,
     * and go on with it.
     *
     * @throws DamagedLogException if bytes that must be there are not; also if they have been trimmed or written anew since
     */
    public static PartitionLog openToRead(
            Path directory, LogIdentity identity, LogSettings settings, LogCheckpoint checkpoint) throws IOException {
        List<Segment> segments = new ArrayList<>();
        boolean done = false;
        try {
            for (SegmentState state : checkpoint.segments()) {
                Segment.Name name = new Segment.Name(state.id(), state.generation());
                segments.add(Objects.requireNonNull(
                        Segment.open(directory, identity, name, state, Access.READ),
                        "a segment with a state is there"));
            }
            segments.sort(Comparator.comparing(Segment::id));
            done = true;
        } finally {
            if (!done) {
                for (Segment segment : segments) {
                    segment.close();
                }
            }
        }
        return new PartitionLog(directory, identity, settings, checkpoint, segments);
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
        return write(id, payload, false);
    }

    /**
     * Appends the payload of a Raft entry that the Raft log keeps too, until the next checkpoint is durable: its flush is
     * that of the Raft log. Only the first frame of a segment is flushed, and one whenever 256 KiB are not, and with them whatever
     * was written before; so what a crash may take is always the end of the last segment, and never much.
     *
     * @param payload as for {@link #write}
     * @return done when the bytes are on disk, or on their way and the Raft log's copy is enough; as for {@link #write}
     */
    public CompletableFuture<Void> writeBehind(FrameId id, ByteBuffer payload) {
        return write(id, payload, true);
    }

    private CompletableFuture<Void> write(FrameId id, ByteBuffer payload, boolean behind) {
        // An interrupt in the middle of a write would close the file; whoever sent it must wait.
        boolean interrupted = Thread.interrupted();
        try {
            flushes.checkUsable();
            synchronized (writing) {
                Segment segment = segmentFor(id);
                long position = segment.write(FrameHeader.of(id, payload), payload);
                pending.put(id.index(), new PendingFrame(id, segment, position, payload.remaining(), payload));
                long bytes = FrameHeader.BYTES + payload.remaining();
                bytesWritten += bytes;
                boolean isFirst = position == Segment.HEADER_BYTES + FrameHeader.BYTES;
                return behind && !isFirst && flushes.writtenBehind(segment, bytes)
                        ? CompletableFuture.completedFuture(null)
                        : flushes.flushed(segment);
            }
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
            if (last.size() < settings.segmentBytesMax() && last.id() > sealedTo && last.firstIndex() <= id.index()) {
                return last;
            }
            // One that was written anew has the number of the first it was made of; the files of the others may be
            // there still.
            nextSegment = Math.max(last.id(), sealedTo) + 1;
        }
        Segment created = Segment.create(directory, identity, new Segment.Name(nextSegment, 0), id.index(), -1);
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
     *
     * @throws PayloadGoneException if it is from before {@link #payloadsFrom} and its segment was written anew
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
            if (segment.firstIndex() <= id.index() && id.index() > segment.rewrittenTo()) {
                long position = findFrame(segment, id);
                if (position >= 0) {
                    return readChecked(segment, position, id);
                }
            }
        }
        throw id.index() < payloadsFrom()
                ? new PayloadGoneException(
                        "partition " + identity + " was compacted, and has no frame of " + id + " any more")
                : new DamagedLogException("no frame of " + id + " in partition " + identity);
    }

    /** The payloads of entries before this Raft index may be gone; those from it on are there. */
    public long payloadsFrom() {
        return payloadsFrom;
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

    /** Makes a log that ends here go on at a later offset. To no effect if it ends elsewhere. */
    public void skip(long from, long to) {
        if (nextOffset == from && to > from) {
            nextOffset = to;
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
     * Lets records go: no reader finds them any more, and their bytes follow later. What is not, or no longer, in the log is
     * passed over.
     *
     * @param ranges in order
     */
    public void remove(List<OffsetRange> ranges) throws IOException {
        List<Segment> all = segments;
        long end = nextOffset;
        for (int i = all.size() - 1; i >= 0; i--) {
            Segment segment = all.get(i);
            if (segment.baseOffset() >= 0) {
                List<OffsetRange> here = OffsetRanges.within(ranges, segment.baseOffset(), end);
                if (!here.isEmpty()) {
                    segment.remove(OffsetRanges.within(here, segment.baseOffset(), segment.nextOffset()));
                }
                end = segment.baseOffset();
            }
        }
    }

    /** Whether bytes of records that have gone are still in a segment. */
    public boolean hasRemoved() {
        return segments.stream().anyMatch(segment -> !segment.removed().isEmpty());
    }

    /**
     * What should be written anew to get rid of the bytes of removed records: neighbours that fit into one segment together.
     *
     * @param appliedIndex Raft index of the last entry that was applied
     * @param appendedBeforeMs segments with later batches are left alone: other replicas may need their frames
     * @return null if nothing should
     */
    public @Nullable SegmentRewrite rewrite(long appliedIndex, long appendedBeforeMs) throws IOException {
        List<Segment> all = segments;
        if (all.isEmpty()) {
            return null;
        }
        Segment last = all.get(all.size() - 1);
        if (!last.removed().isEmpty() && isOlder(last, appendedBeforeMs)) {
            synchronized (writing) {
                sealedTo = Math.max(sealedTo, last.id());
            }
        }
        Set<Segment> busy = new HashSet<>();
        pending.values().forEach(frame -> busy.add(frame.segment()));
        List<Segment> old = new ArrayList<>();
        for (Segment segment : all) {
            boolean done = segment != last || segment.id() <= sealedTo;
            if (!done || !isOlder(segment, appendedBeforeMs) || busy.contains(segment)) {
                break;
            }
            old.add(segment);
        }
        List<Segment> group = SegmentRewrite.choose(old, settings.segmentBytesMax());
        if (group.isEmpty()) {
            return null;
        }
        // Frames that apply found nothing in may come after the last that the index names.
        int next = all.indexOf(group.get(group.size() - 1)) + 1;
        long highest = next < all.size() ? all.get(next).firstIndex() - 1 : appliedIndex;
        return new SegmentRewrite(directory, identity, group, highest);
    }

    private static boolean isOlder(Segment segment, long ms) throws IOException {
        long count = segment.index().count();
        return count == 0 || segment.index().get(count - 1).appendMs() < ms;
    }

    /**
     * Puts what was written anew in the place of what it was made from. The old files stay until a checkpoint is stored.
     *
     * @return false, and the log is as it was, if part of that has been trimmed meanwhile
     */
    public boolean replace(SegmentRewrite rewrite) throws IOException {
        Segment fresh = rewrite.result();
        synchronized (this) {
            List<Segment> changed = new ArrayList<>(segments);
            int first = changed.indexOf(rewrite.sources().get(0));
            List<Segment> replaced = first < 0
                    ? List.of()
                    : changed.subList(
                            first,
                            Math.min(changed.size(), first + rewrite.sources().size()));
            if (!replaced.equals(rewrite.sources())) {
                return false;
            }
            if (fresh.baseOffset() >= 0) { // what has gone again since, and was not there before, is not there now
                fresh.remove(OffsetRanges.within(rewrite.removedSince(), fresh.baseOffset(), fresh.nextOffset()));
            }
            condemned.addAll(replaced);
            replaced.clear();
            changed.add(first, fresh);
            segments = List.copyOf(changed);
            payloadsFrom = Math.max(payloadsFrom, fresh.rewrittenTo() + 1);
        }
        return true;
    }

    /**
     * Puts everything applied so far on disk and describes it. When the caller has stored the description durably, it
     * calls {@link #checkpointStored}.
     */
    public LogCheckpoint checkpoint() throws IOException {
        flushes.checkUsable();
        List<SegmentState> states = new ArrayList<>();
        for (Segment segment : segments) {
            SegmentState state = segment.state();
            if (!checkpointed.segments().contains(state)) {
                flushes.flush(segment);
                segment.forceIndex();
            }
            states.add(state);
        }
        checkpointed = new LogCheckpoint(startOffset, nextOffset, List.copyOf(states));
        return checkpointed;
    }

    /** The last {@link #checkpoint} is durable: trimmed and rewritten segments may go. */
    public void checkpointStored() throws IOException {
        for (Segment segment : condemned) {
            flushes.forget(segment);
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
     * Reads whole batches from the one that holds the offset on, at least one if there is one, without the records that have
     * gone.
     *
     * @param untilOffset exclusive; batches that start there or later are left out
     * @param bytesMax stops before exceeding it, except for the first batch
     * @throws OffsetOutOfRangeException below {@link #startOffset} or above {@link #nextOffset}
     * @throws DamagedLogException if bytes do not match their checksum
     */
    public LogSlice read(long offset, long untilOffset, int bytesMax) throws OffsetOutOfRangeException, IOException {
        return read(offset, untilOffset, bytesMax, ReadMemory.FRESH);
    }

    /** @param memory that the slice's bytes are in, unless records in it have gone */
    public LogSlice read(long offset, long untilOffset, int bytesMax, ReadMemory memory)
            throws OffsetOutOfRangeException, IOException {
        long end = nextOffset;
        if (offset < startOffset || offset > end) {
            throw new OffsetOutOfRangeException(offset, startOffset, end);
        }
        long limit = Math.min(end, untilOffset);
        if (offset >= limit) {
            return new LogSlice(List.of(), ByteBuffer.allocate(0), offset);
        }
        while (true) {
            List<Segment> all = segments;
            try {
                return read(all, offset, limit, bytesMax, memory);
            } catch (ClosedChannelException | DamagedLogException e) {
                if (offset < startOffset) { // trimmed while it was being read
                    throw new OffsetOutOfRangeException(offset, startOffset, end);
                }
                if (all == segments) { // else they were written anew meanwhile
                    throw e;
                }
            }
        }
    }

    private static LogSlice read(List<Segment> all, long offset, long limit, int bytesMax, ReadMemory memory)
            throws IOException {
        long at = offset;
        for (int i = holding(all, offset); i < all.size() && at < limit; i++) {
            Segment segment = all.get(i);
            LogSlice slice = BatchReads.read(segment, at, limit, bytesMax, segment.removed(), memory);
            if (!slice.batches().isEmpty()) {
                return slice;
            }
            at = Math.max(at, slice.nextOffset());
        }
        return new LogSlice(List.of(), ByteBuffer.allocate(0), limit);
    }

    /** The last segment that begins at this offset or before, else the first. */
    private static int holding(List<Segment> all, long offset) {
        for (int i = all.size() - 1; i > 0; i--) {
            long base = all.get(i).baseOffset();
            if (base >= 0 && base <= offset) {
                return i;
            }
        }
        return 0;
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
        return bytesFrom(startOffset);
    }

    /** Bytes of the batches from the one that holds this offset, or the one before if that is gone, on. */
    public long bytesFrom(long start) throws IOException {
        if (start >= nextOffset) {
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
    public String toString() {
        return "partition " + identity + " in " + directory;
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
