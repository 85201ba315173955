package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.ratis.protocol.Message;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RaftLogFilesTest {
    private static final FileTime LONG_AGO = FileTime.fromMillis(0);
    /** Each entry fills a file of the log. */
    private static final int ENTRY_BYTES = 1 << 10;

    @TempDir
    Path folder;

    /** What is written once more is seen by the time of the last write. */
    @Test
    void shouldWriteOnceMoreWhatIsPastTheCheckpointAndChangeNothing() throws Exception {
        Path group = writeLog();
        List<Long> indexes = new ArrayList<>();
        RaftLogFiles.forEachAfter(group, -1, entry -> indexes.add(entry.getIndex()));
        long last = indexes.get(indexes.size() - 1);

        for (long checkpoint = -1; checkpoint <= last; checkpoint++) {
            Map<Path, byte[]> before = logFiles(group);
            for (Path file : before.keySet()) {
                Files.setLastModifiedTime(file, LONG_AGO);
            }

            assertThat(RaftLogFiles.prepare(group, checkpoint)).isFalse();

            assertThat(logFiles(group)).containsExactlyInAnyOrderEntriesOf(before);
            long at = checkpoint;
            List<Long> written = new ArrayList<>();
            RaftLogFiles.forEachAfter(group, checkpoint, entry -> written.add(entry.getIndex()));
            assertThat(written)
                    .hasSize((int) indexes.stream().filter(index -> index > at).count());
            long files = before.keySet().stream()
                    .filter(RaftLogFilesTest::wasWritten)
                    .count();
            assertThat(files)
                    .as("files written, with a checkpoint at %s of %s", checkpoint, indexes)
                    .isBetween(written.isEmpty() ? 0L : 1L, (long) written.size());
        }
    }

    private Path writeLog() throws Exception {
        RaftSettings settings = RaftTrio.settings(Duration.ofMillis(1_500), ENTRY_BYTES, 1_000);
        try (RaftTrio trio = new RaftTrio(folder, settings, 3)) {
            for (int i = 0; i < 5; i++) {
                RaftTrio.get(trio.leader().propose(Message.valueOf("x".repeat(ENTRY_BYTES))));
            }
        }
        try (Stream<Path> all = Files.walk(folder)) {
            return all.filter(file -> file.getFileName().toString().equals("current"))
                    .map(Path::getParent)
                    .findAny()
                    .orElseThrow();
        }
    }

    private static Map<Path, byte[]> logFiles(Path group) throws IOException {
        Map<Path, byte[]> contents = new TreeMap<>();
        try (Stream<Path> files = Files.list(group.resolve("current"))) {
            for (Path file : files.filter(one -> one.getFileName().toString().startsWith("log_"))
                    .toList()) {
                contents.put(file, Files.readAllBytes(file));
            }
        }
        return contents;
    }

    private static boolean wasWritten(Path file) {
        try {
            return !Files.getLastModifiedTime(file).equals(LONG_AGO);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
