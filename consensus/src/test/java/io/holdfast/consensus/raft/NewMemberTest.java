package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.apache.ratis.protocol.Message;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A member to which nothing has come yet. */
class NewMemberTest {
    private static final Duration ELECTION_TIMEOUT = Duration.ofMillis(500);

    @TempDir
    private Path folder;

    /** The one with all and the one with nothing are two of three: the leader may be gone for good. */
    @Test
    void itCanMakeALeaderOfWhoHasAll() throws Exception {
        try (RaftTrio trio = new RaftTrio(folder, ELECTION_TIMEOUT, 2)) {
            assertThat(RaftTrio.get(trio.leader().propose(Message.valueOf("x"))).isSuccess())
                    .isTrue();
            long end = trio.leader().logEnd().index();
            trio.closeLeader();
            trio.open(2);

            RaftTrio.await(() -> trio.replica(1).isReadyLeader());

            assertThat(RaftTrio.get(trio.replica(1).propose(Message.valueOf("y")))
                            .isSuccess())
                    .isTrue();
            assertThat(trio.replica(1).logEnd().index()).isGreaterThan(end);
        }
    }
}
