package io.holdfast.storage.log;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** The files that a checkpoint names, for copying them elsewhere. */
public final class SegmentFiles {
    private static final Pattern NAME = Pattern.compile("\\d{10}(-\\d{1,9})?("
            + Pattern.quote(Segment.DATA_SUFFIX) + "|" + Pattern.quote(Segment.INDEX_SUFFIX) + "|"
            + Pattern.quote(Segment.REMOVED_SUFFIX) + ")");

    /** A file, of which only the first {@code bytes} bytes belong to the checkpoint. */
    public record Part(Path file, long bytes) {}

    private SegmentFiles() {}

    public static List<Part> of(Path directory, LogCheckpoint checkpoint) {
        List<Part> parts = new ArrayList<>();
        for (SegmentState segment : checkpoint.segments()) {
            Segment.Name name = new Segment.Name(segment.id(), segment.generation());
            parts.add(new Part(name.in(directory, Segment.DATA_SUFFIX), segment.appliedBytes()));
            parts.add(new Part(name.in(directory, Segment.INDEX_SUFFIX), segment.indexEntries() * BatchEntry.BYTES));
            if (segment.removedRanges() > 0) {
                parts.add(new Part(
                        name.in(directory, Segment.REMOVED_SUFFIX), segment.removedRanges() * RemovedOffsets.BYTES));
            }
        }
        return parts;
    }

    /** The name, if it is one of a segment's files: it came over the network. */
    public static String checkName(String name) throws IOException {
        if (!NAME.matcher(name).matches()) {
            throw new IOException("'" + name + "' is not the name of a segment file");
        }
        return name;
    }
}
