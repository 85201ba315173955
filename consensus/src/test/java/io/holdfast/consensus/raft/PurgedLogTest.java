package io.holdfast.consensus.raft;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.apache.ratis.protocol.Message;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A follower that was away while the leader purged its Raft log. */
class PurgedLogTest {
    private static final Duration ELECTION_TIMEOUT = Duration.ofMillis(1_500);
    private static final Pattern LOG_FILE = Pattern.compile("log_(?:inprogress_)?(\\d+).*");
    /** Each entry fills a file of the log. */
    private static final int ENTRY_BYTES = 1 << 10;

    private static final int KEPT = 6;
    private static final int BEFORE = 5;

    @TempDir
    private Path folder;

    /** What it needs next is the first that is left: of the one before nobody knows the term. */
    @Test
    void itCatchesUpWhereTheLogBegins() throws Exception {
        RaftSettings settings = RaftTrio.settings(ELECTION_TIMEOUT, ENTRY_BYTES, KEPT);
        try (RaftTrio trio = new RaftTrio(folder, settings, 3)) {
            propose(trio, BEFORE);
            RaftTrio.await(() ->
                    trio.replica(1).appliedIndex() == trio.leader().logEnd().index());
            RaftTrio.get(trio.replica(1).checkpoint());
            long end = trio.leader().logEnd().index();
            trio.rest(1);
            propose(trio, KEPT);
            RaftTrio.get(trio.leader().checkpoint());
            RaftTrio.await(() -> logStart() == end + 1);

            trio.openAgain(1);

            RaftTrio.await(() -> trio.replica(1).appliedIndex() >= trio.leader().appliedIndex());
        }
    }

    private static void propose(RaftTrio trio, int entries) throws Exception {
        for (int i = 0; i < entries; i++) {
            RaftTrio.get(trio.leader().propose(Message.valueOf("x".repeat(ENTRY_BYTES))));
        }
    }

    /** Of the node whose log begins last. */
    private long logStart() {
        try (Stream<Path> nodes = Files.list(folder)) {
            return nodes.mapToLong(PurgedLogTest::firstEntry).max().orElseThrow();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static long firstEntry(Path node) {
        try (Stream<Path> files = Files.walk(node)) {
            return files.map(file -> LOG_FILE.matcher(file.getFileName().toString()))
                    .filter(Matcher::matches)
                    .mapToLong(name -> Long.parseLong(name.group(1)))
                    .min()
                    .orElse(0);
        } catch (IOException | UncheckedIOException e) {
            return 0; // files come and go
        }
    }
}
