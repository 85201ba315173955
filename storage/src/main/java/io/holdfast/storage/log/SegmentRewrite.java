package io.holdfast.storage.log;

import io.holdfast.record.RecordBatch;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Segments that are written anew, as one, without the bytes of records that have gone. Made by {@link PartitionLog#rewrite},
 * {@link #run} on any thread while the log is in use, then {@link PartitionLog#replace}.
 */
public final class SegmentRewrite {
    private static final int READ_BYTES = 1 << 20;
    /** So many small neighbours are put together although none of them has lost anything. */
    private static final int NEIGHBOURS_MAX = 8;
    /** A segment of less than one such part of the largest is small. */
    private static final int SMALL_PART = 8;

    private final Path directory;
    private final LogIdentity identity;
    private final List<Segment> sources;
    private final List<RemovedOffsets.View> removed = new ArrayList<>();
    private final long rewrittenTo;
    private @Nullable Segment target;

    /** @param rewrittenTo no frame of a higher Raft index is in the sources */
    SegmentRewrite(Path directory, LogIdentity identity, List<Segment> sources, long rewrittenTo) {
        this.directory = directory;
        this.identity = identity;
        this.sources = List.copyOf(sources);
        this.rewrittenTo = rewrittenTo;
        sources.forEach(source -> removed.add(source.removed()));
    }

    /**
     * Neighbours to write anew together: such that something is gained, and they fit into one segment.
     *
     * @param old segments that may be, oldest first
     * @return none if it would gain nothing
     */
    static List<Segment> choose(List<Segment> old, long segmentBytesMax) throws IOException {
        List<Segment> group = new ArrayList<>();
        long bytes = 0;
        for (Segment segment : old) {
            boolean lost = !segment.removed().isEmpty();
            long left = bytesLeft(segment);
            boolean joins = lost || left < segmentBytesMax / SMALL_PART;
            if (!group.isEmpty() && (!joins || bytes + left > segmentBytesMax)) {
                if (isWorthwhile(group)) {
                    return group;
                }
                group.clear();
                bytes = 0;
            }
            if (joins) {
                group.add(segment);
                bytes += left;
            }
        }
        return isWorthwhile(group) ? group : List.of();
    }

    private static boolean isWorthwhile(List<Segment> group) {
        return group.size() >= NEIGHBOURS_MAX
                || group.stream().anyMatch(segment -> !segment.removed().isEmpty());
    }

    /** About what of a segment's bytes will be left. */
    private static long bytesLeft(Segment segment) throws IOException {
        if (segment.baseOffset() < 0) {
            return 0;
        }
        double offsets = Math.max(1, segment.nextOffset() - segment.baseOffset());
        return (long) (segment.size() * (1 - segment.removed().size() / offsets));
    }

    List<Segment> sources() {
        return sources;
    }

    /** Bytes of what is written anew, as it was. */
    public long bytesBefore() {
        return sources.stream().mapToLong(Segment::size).sum();
    }

    /** Bytes of what was written. */
    public long bytesAfter() {
        return result().size();
    }

    /** Ranges that have gone since this began. */
    List<OffsetRange> removedSince() {
        List<OffsetRange> since = new ArrayList<>();
        for (int i = 0; i < sources.size(); i++) {
            since.addAll(sources.get(i).removed().since(removed.get(i)));
        }
        return since;
    }

    Segment result() {
        Segment done = target;
        if (done == null) {
            throw new IllegalStateException("nothing has been written yet");
        }
        return done;
    }

    /**
     * Reads, checks and writes; what it wrote is on disk on return.
     *
     * @param stop asked before each piece of about 1 MiB; true ends it
     * @return false if it was stopped
     * @throws DamagedLogException if bytes do not match their checksum
     * @throws IOException also if the log was closed meanwhile
     */
    public boolean run(BooleanSupplier stop) throws IOException {
        Segment first = sources.get(0);
        int generation = sources.stream()
                .mapToInt(source -> source.name().generation())
                .max()
                .orElse(0);
        Segment.Name name = new Segment.Name(first.id(), generation + 1);
        name.deleteFiles(directory); // of an earlier try
        Segment fresh = Segment.create(directory, identity, name, first.firstIndex(), rewrittenTo);
        target = fresh;
        for (int i = 0; i < sources.size(); i++) {
            Segment source = sources.get(i);
            long at = Math.max(0, source.baseOffset());
            while (source.baseOffset() >= 0 && at < source.nextOffset()) {
                if (stop.getAsBoolean()) {
                    return false;
                }
                LogSlice slice =
                        BatchReads.read(source, at, Long.MAX_VALUE, READ_BYTES, removed.get(i), ReadMemory.FRESH);
                copy(slice, fresh);
                at = slice.nextOffset();
            }
        }
        fresh.applied(fresh.size());
        fresh.force();
        fresh.forceIndex();
        return true;
    }

    private static void copy(LogSlice slice, Segment to) throws IOException {
        ByteBuffer bytes = slice.bytes();
        int position = bytes.position();
        for (BatchEntry entry : slice.batches()) {
            ByteBuffer batch = bytes.slice(position, entry.batchBytes());
            position += entry.batchBytes();
            RecordBatch.stamp(batch, 0, 0); // as they are stored
            long at = to.write(FrameHeader.of(new FrameId(entry.raftIndex(), entry.term()), batch), batch);
            to.addEntry(entry.at(at, entry.batchBytes(), entry.batchCrc()));
        }
    }

    /** Deletes what was written; not after it was taken. */
    public void discard() throws IOException {
        Segment written = target;
        if (written != null) {
            written.delete();
        }
    }
}
