package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientReply;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A leader that its followers do not answer any more. */
class LostMajorityTest {
    private static final Duration ELECTION_TIMEOUT = Duration.ofMillis(1_500);
    /** The maximum is 3 s. Left to Ratis it is as long as writes come. */
    private static final Duration IN_OFFICE_MAX = Duration.ofSeconds(5);

    @TempDir
    private Path folder;

    /** Its clients shall try another node: as long as it leads they wait for it, maybe for ever. */
    @Test
    void itStepsDownHoweverMuchItIsAskedToDo() throws Exception {
        try (RaftTrio trio = new RaftTrio(folder, ELECTION_TIMEOUT)) {
            List<CompletableFuture<RaftClientReply>> writes = new ArrayList<>();
            trio.closeFollowers();
            long silentSince = System.nanoTime();
            RaftTrio.await(() -> {
                writes.add(trio.leader().propose(Message.valueOf("x")));
                return !trio.leader().isLeader();
            });
            assertThat(Duration.ofNanos(System.nanoTime() - silentSince)).isLessThan(IN_OFFICE_MAX);
            for (CompletableFuture<RaftClientReply> write : writes) {
                RaftTrio.await(write::isDone);
                assertThat(write.handle((reply, failure) -> failure == null && reply.isSuccess()))
                        .isCompletedWithValue(false);
            }
        }
    }
}
