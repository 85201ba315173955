package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.server.protocol.TermIndex;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A follower whose Raft log reaches beyond the checkpoint that it is told to copy, and that has applied little of it. */
class LongerLogTest {
    private static final Duration ELECTION_TIMEOUT = Duration.ofMillis(1_500);
    private static final int ENTRIES = 40;
    private static final int ENTRIES_AFTER_THE_CHECKPOINT = 10;
    private static final long LONGER_THAN_A_COPY_MS = 500;

    @TempDir
    private Path folder;

    /** One that was a member until a moment ago, was restarted, and is added again: nobody has told it what is committed. */
    @Test
    void itGoesOnWithItsLog() throws Exception {
        try (RaftTrio trio = new RaftTrio(folder, ELECTION_TIMEOUT)) {
            for (int i = 0; i < ENTRIES; i++) {
                RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
            }
            RaftTrio.await(() -> trio.replica(1).logEnd().equals(trio.leader().logEnd()));
            TermIndex checkpoint = TermIndex.valueOf(
                    trio.leader().term(), trio.leader().logEnd().index() - ENTRIES_AFTER_THE_CHECKPOINT);
            trio.rest(2);
            trio.restLeader();
            trio.rest(1);
            trio.open(1, checkpoint);

            trio.tellToInstall(1, checkpoint.getIndex() + 1);
            TimeUnit.MILLISECONDS.sleep(LONGER_THAN_A_COPY_MS);
            trio.tellToInstall(1, checkpoint.getIndex() + 1); // how did it go?
            trio.open(0);
            trio.open(2);

            trio.awaitLeader();
            long end = checkpoint.getIndex() + ENTRIES_AFTER_THE_CHECKPOINT;
            RaftTrio.await(() -> trio.replica(1).appliedIndex() > end);
            assertThat(trio.replica(1).isAlive()).isTrue();
        }
    }
}
