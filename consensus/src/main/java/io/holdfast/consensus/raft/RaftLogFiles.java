package io.holdfast.consensus.raft;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Consumer;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.server.RaftServerConfigKeys.Log.CorruptionPolicy;
import org.apache.ratis.server.raftlog.segmented.LogSegment;
import org.apache.ratis.server.raftlog.segmented.LogSegmentPath;
import org.apache.ratis.util.SizeInBytes;

/** Reads a group's Raft log before the group is opened: recovery must know what the log will claim to hold. */
public final class RaftLogFiles {
    private static final SizeInBytes ENTRY_MAX = SizeInBytes.valueOf("64MB");

    private RaftLogFiles() {}

    /**
     * Calls back with every entry after {@code index}, in order; batches are not part of them.
     *
     * @param group folder of the group
     * @throws IOException if an entry other than an incomplete last one cannot be read
     */
    public static void forEachAfter(Path group, long index, Consumer<LogEntryProto> consumer) throws IOException {
        Path current = group.resolve("current");
        if (!Files.isDirectory(current)) {
            return;
        }
        List<LogSegmentPath> files = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(current)) {
            for (Path file : all) {
                LogSegmentPath log = LogSegmentPath.matchLogSegment(file);
                if (log != null) {
                    files.add(log);
                }
            }
        }
        files.sort(Comparator.comparing(LogSegmentPath::getStartEnd));
        for (LogSegmentPath file : files) {
            LogSegment.readSegmentFile(
                    file.getPath().toFile(), file.getStartEnd(), ENTRY_MAX, CorruptionPolicy.EXCEPTION, null, entry -> {
                        if (entry.getIndex() > index) {
                            consumer.accept(entry);
                        }
                    });
        }
    }
}
