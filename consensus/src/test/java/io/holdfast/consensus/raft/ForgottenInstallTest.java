package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.time.Duration;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotResult;
import org.apache.ratis.protocol.Message;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A follower that was told to copy a checkpoint, and whom nobody asks how that went. */
class ForgottenInstallTest {
    private static final Duration ELECTION_TIMEOUT = Duration.ofMillis(1_500);

    @TempDir
    private Path folder;

    /** A leader that has told it may have lost office, or found out that there is nothing to copy. */
    @Test
    void theLeaderAsksWhenItsEntriesAreRefused() throws Exception {
        try (RaftTrio trio = new RaftTrio(folder, ELECTION_TIMEOUT)) {
            trio.tellToInstall(1);
            RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
            RaftTrio.await(() -> trio.replica(1).appliedIndex() >= trio.leader().appliedIndex());
        }
    }

    /** Who leads now has a log that begins earlier than that of whoever told it. */
    @Test
    void howeverMuchOfTheLogItHas() throws Exception {
        try (RaftTrio trio = new RaftTrio(folder, ELECTION_TIMEOUT)) {
            for (int i = 0; i < 20; i++) {
                RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
            }
            trio.tellToInstall(1);
            RaftTrio.get(trio.leader().propose(Message.valueOf("y")));
            RaftTrio.await(() -> trio.replica(1).appliedIndex() >= trio.leader().appliedIndex());
        }
    }

    @Test
    void wheneverTheLogOfWhoAsksBegins() throws Exception {
        try (RaftTrio trio = new RaftTrio(folder, ELECTION_TIMEOUT)) {
            for (int i = 0; i < 20; i++) {
                RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
            }
            trio.tellToInstall(1);
            InstallSnapshotReplyProto answer = trio.tellToInstall(1, 3);
            while (answer.getResult() == InstallSnapshotResult.IN_PROGRESS) {
                answer = trio.tellToInstall(1, 3);
            }
            assertThat(answer.getResult()).isEqualTo(InstallSnapshotResult.SNAPSHOT_UNAVAILABLE); // it needed none
            RaftTrio.get(trio.leader().propose(Message.valueOf("y")));
            RaftTrio.await(() -> trio.replica(1).appliedIndex() >= trio.leader().appliedIndex());
        }
    }
}
