package io.holdfast.storage.log;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Opens the files of a log after a stop or a crash. Reads only what the checkpoint does not vouch for.
 *
 * <p>The Raft log is the judge of what must be there: it takes an entry only after the entry's frame is on disk, unless it
 * keeps the payload itself, so every other entry it holds past the checkpoint must have its frame, whole. If all are found,
 * anything after them is an incomplete write, or of an entry that never came to be, and is cut. If one is missing, the log
 * is damaged and is left exactly as found.
 *
 * <p>Of those that the Raft log keeps, a crash may have taken the last few. Each flush covers all that was written before,
 * so if a later frame is there but an earlier one is not, that is damage too.
 *
 * <p>What is found may not be on disk: after a flush that failed, the kernel takes the pages for written, and goes on to
 * show what should be there until they leave its cache (Rebello et al., Can Applications Recover from fsync Failures?,
 * ATC 2020). So what nobody has seen flushed is written once more where it is.
 */
final class LogRecovery {
    private static final Logger LOG = LoggerFactory.getLogger(LogRecovery.class);

    private final Path directory;
    private final LogIdentity identity;
    private final LogCheckpoint checkpoint;
    /** Of those that the checkpoint names; null if it names none. */
    private final @Nullable SegmentState newest;

    private final Set<FrameId> missing;
    /** Of those that the Raft log keeps. */
    private final Set<FrameId> lost;

    private final Map<FrameId, PendingFrame> found = new HashMap<>();
    private final TreeMap<Long, Segment> segments = new TreeMap<>();
    private final List<Cut> cuts = new ArrayList<>();
    private final List<Unflushed> unflushed = new ArrayList<>();
    private final List<Segment.Name> leftOver = new ArrayList<>();

    private record Cut(Segment segment, long end) {}

    /** Bytes that may be in memory only. */
    private record Unflushed(Segment segment, long from, long to) {}

    LogRecovery(Path directory, LogIdentity identity, LogCheckpoint checkpoint, ExpectedFrames expected) {
        this.directory = directory;
        this.identity = identity;
        this.checkpoint = checkpoint;
        this.newest = checkpoint.segments().stream()
                .max(Comparator.comparing(SegmentState::id))
                .orElse(null);
        this.missing = new HashSet<>(expected.required());
        this.lost = new HashSet<>(expected.kept());
    }

    void run() throws IOException {
        boolean done = false;
        try {
            openSegments();
            for (Segment segment : segments.values()) {
                scan(segment);
            }
            missing.addAll(lostInTheMiddle());
            if (!missing.isEmpty()) {
                throw new DamagedLogException("partition " + identity + " in " + directory + " lacks the bytes of "
                        + missing.size() + " entries of its Raft log, such as "
                        + missing.iterator().next());
            }
            dropSourcesOfTheNewest();
            for (Unflushed bytes : unflushed) {
                bytes.segment.writeOnceMore(bytes.from, bytes.to);
            }
            for (Cut cut : cuts) {
                LOG.info("{}: cutting what is of no entry at {} of {} bytes", cut.segment, cut.end, cut.segment.size());
                cut.segment.cutTail(cut.end);
            }
            for (Segment.Name name : leftOver) {
                name.deleteFiles(directory);
            }
            done = true;
        } finally {
            if (!done) {
                for (Segment segment : segments.values()) {
                    segment.close();
                }
            }
        }
    }

    List<Segment> segments() {
        return new ArrayList<>(segments.values());
    }

    Collection<PendingFrame> pending() {
        return found.values();
    }

    /** Frames that the Raft log keeps, to be written again. */
    Set<FrameId> lost() {
        return lost;
    }

    private List<FrameId> lostInTheMiddle() {
        long last = found.keySet().stream().mapToLong(FrameId::index).max().orElse(-1);
        return lost.stream().filter(id -> id.index() < last).toList();
    }

    private void openSegments() throws IOException {
        Map<Segment.Name, SegmentState> states = new HashMap<>();
        checkpoint.segments().forEach(state -> states.put(new Segment.Name(state.id(), state.generation()), state));
        long newestId = newest == null ? -1 : newest.id();
        Set<Segment.Name> names = new HashSet<>(states.keySet());
        try (DirectoryStream<Path> files = Files.newDirectoryStream(directory, "*" + Segment.DATA_SUFFIX)) {
            for (Path file : files) {
                String text = file.getFileName().toString();
                Segment.Name name = Segment.Name.parse(text.substring(0, text.length() - Segment.DATA_SUFFIX.length()));
                if (name != null) {
                    names.add(name);
                }
            }
        }
        for (Segment.Name name : names) {
            SegmentState state = states.get(name);
            if (state == null && (name.id() <= newestId || name.generation() > 0)) {
                // The checkpoint knows all up to the newest that it names. This one was trimmed, or written anew, and
                // only its deletion had not happened yet; or it was about to take the place of others.
                leftOver.add(name);
                continue;
            }
            Segment segment = Segment.open(directory, identity, name, state, Access.WRITE);
            if (segment == null) {
                leftOver.add(name);
            } else {
                segments.put(name.id(), segment);
            }
        }
    }

    /** The newest segment may have been made from some of higher numbers, whose deletion had not happened yet. */
    private void dropSourcesOfTheNewest() throws IOException {
        if (newest == null || newest.rewrittenTo() < 0) {
            return;
        }
        Set<Segment> needed = new HashSet<>();
        found.values().forEach(frame -> needed.add(frame.segment()));
        for (Segment young : List.copyOf(segments.tailMap(newest.id(), false).values())) {
            if (young.firstIndex() <= newest.rewrittenTo() && !needed.contains(young)) {
                segments.remove(young.id());
                cuts.removeIf(cut -> cut.segment == young);
                unflushed.removeIf(bytes -> bytes.segment == young);
                leftOver.add(young.name());
                young.close();
            }
        }
    }

    private void scan(Segment segment) throws IOException {
        long position = segment.appliedBytes();
        if (position == Segment.HEADER_BYTES) {
            unflushed.add(new Unflushed(segment, 0, position));
        }
        long end = position;
        for (FrameHeader header = segment.headerAt(position); header != null; header = segment.headerAt(position)) {
            long payloadAt = position + FrameHeader.BYTES;
            if (FrameHeader.crc(segment.read(payloadAt, header.length())) != header.payloadCrc()) {
                break;
            }
            long next = payloadAt + header.length();
            boolean isKept = lost.remove(header.id());
            if (isKept || missing.remove(header.id())) {
                found.put(header.id(), new PendingFrame(header.id(), segment, payloadAt, header.length(), null));
                end = next;
            }
            if (isKept) {
                unflushed.add(new Unflushed(segment, position, next));
            }
            position = next;
        }
        if (end < segment.size()) {
            cuts.add(new Cut(segment, end));
        }
    }
}
