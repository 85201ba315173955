package io.holdfast.consensus.raft;

import io.holdfast.storage.log.DurableDirectory;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
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
    private static final int PIECE_BYTES = 128 << 10;
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
     * Makes a log fit to be opened by Ratis, which would vouch for it as it is.
     *
     * <p>One that ends before the checkpoint is deleted. A process may die between taking over another replica's checkpoint
     * and letting go of the log that was before. Ratis would keep the file it wrote last, and could never append to it
     * again: the next entry would leave a gap.
     *
     * <p>What a log says past the checkpoint is put on disk. It may be in memory only: the process before this one may have
     * been killed before it flushed, or have stopped because a flush failed, after which the kernel takes for written what
     * is not (docs/decisions, 23).
     *
     * @param checkpoint index of the last entry that the checkpoint holds; -1 if there is none
     * @return whether it was deleted
     */
    static boolean prepare(Path group, long checkpoint) throws IOException {
        List<LogSegmentPath> files = files(group);
        long end = files.isEmpty() ? checkpoint : lastIndex(files.get(files.size() - 1));
        if (end < checkpoint) {
            for (LogSegmentPath file : files) { // the oldest first: what is left is a log without a gap
                Files.delete(file.getPath());
            }
            DurableDirectory.force(group.resolve(CURRENT));
            return true;
        }
        for (int i = files.size() - 1; i >= 0 && end > checkpoint; i--) {
            writeOnceMore(files.get(i).getPath());
            end = firstIndex(files.get(i)) - 1;
        }
        return false;
    }

    private static void writeOnceMore(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            ByteBuffer piece = ByteBuffer.allocate(PIECE_BYTES);
            for (long at = 0; channel.read(piece.clear(), at) > 0; at += piece.limit()) {
                piece.flip();
                for (long to = at; piece.hasRemaining(); ) {
                    to += channel.write(piece, to);
                }
            }
            channel.force(false);
        }
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

    private static long firstIndex(LogSegmentPath file) throws IOException {
        Matcher name = FIRST_INDEX.matcher(file.getPath().getFileName().toString());
        if (!name.find()) {
            throw new IOException("not a Raft log: " + file.getPath());
        }
        return Long.parseLong(name.group(1));
    }

    /** Of a file without entries: where the one before it ends. */
    private static long lastIndex(LogSegmentPath file) throws IOException {
        long[] last = {firstIndex(file) - 1};
        read(file, entry -> last[0] = entry.getIndex());
        return last[0];
    }
}
