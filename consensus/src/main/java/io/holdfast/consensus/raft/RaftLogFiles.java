package io.holdfast.consensus.raft;

import io.holdfast.storage.log.DurableDirectory;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.server.RaftServerConfigKeys.Log.CorruptionPolicy;
import org.apache.ratis.server.raftlog.segmented.LogSegment;
import org.apache.ratis.server.raftlog.segmented.LogSegmentPath;
import org.apache.ratis.util.SizeInBytes;

/** A group's Raft log before the group is opened: recovery must know what the log will claim to hold. */
public final class RaftLogFiles {
    private static final SizeInBytes ENTRY_MAX = SizeInBytes.valueOf("64MB");

    private static final String CURRENT = "current";
    private static final Pattern FIRST_INDEX = Pattern.compile("^log_(?:inprogress_)?(\\d+)");

    private RaftLogFiles() {}

    /**
     * Calls back with every entry after {@code index}, in order; batches are not part of them.
     *
     * @param group folder of the group
     * @throws IOException if an entry other than an incomplete last one cannot be read
     */
    public static void forEachAfter(Path group, long index, Consumer<LogEntryProto> consumer) throws IOException {
        for (LogSegmentPath file : files(group)) {
            read(file, entry -> {
                if (entry.getIndex() > index) {
                    consumer.accept(entry);
                }
            });
        }
    }

    /**
     * Deletes a log that ends before the checkpoint. A process may die between taking over another replica's checkpoint and
     * letting go of the log that was before. Ratis would keep the file it wrote last, and could never append to it again:
     * the next entry would leave a gap.
     *
     * @param checkpoint index of the last entry that the checkpoint holds
     * @return whether it did
     */
    static boolean deleteIfBehind(Path group, long checkpoint) throws IOException {
        List<LogSegmentPath> files = files(group);
        if (files.isEmpty() || lastIndex(files.get(files.size() - 1)) >= checkpoint) {
            return false;
        }
        for (LogSegmentPath file : files) { // the oldest first: what is left is a log without a gap
            Files.delete(file.getPath());
        }
        DurableDirectory.force(group.resolve(CURRENT));
        return true;
    }

    private static List<LogSegmentPath> files(Path group) throws IOException {
        List<LogSegmentPath> files = new ArrayList<>();
        Path current = group.resolve(CURRENT);
        if (!Files.isDirectory(current)) {
            return files;
        }
        try (DirectoryStream<Path> all = Files.newDirectoryStream(current)) {
            for (Path file : all) {
                LogSegmentPath log = LogSegmentPath.matchLogSegment(file);
                if (log != null) {
                    files.add(log);
                }
            }
        }
        files.sort(Comparator.comparing(LogSegmentPath::getStartEnd));
        return files;
    }

    private static void read(LogSegmentPath file, Consumer<LogEntryProto> consumer) throws IOException {
        LogSegment.readSegmentFile(
                file.getPath().toFile(), file.getStartEnd(), ENTRY_MAX, CorruptionPolicy.EXCEPTION, null, consumer);
    }

    /** Of a file without entries: where the one before it ends. */
    private static long lastIndex(LogSegmentPath file) throws IOException {
        Matcher name = FIRST_INDEX.matcher(file.getPath().getFileName().toString());
        if (!name.find()) {
            throw new IOException("not a Raft log: " + file.getPath());
        }
        long[] last = {Long.parseLong(name.group(1)) - 1};
        read(file, entry -> last[0] = entry.getIndex());
        return last[0];
    }
}
