package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotResult;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A follower that is told to copy a checkpoint by who knows less of the members than it does. */
class StaleInstallTest {
    private static final Duration ELECTION_TIMEOUT = Duration.ofMillis(1_500);

    @TempDir
    private Path folder;

    private RaftTrio trio;
    private LogEntryProto before;
    private List<Peer> now;

    @BeforeEach
    void aMemberHasGone() throws Exception {
        trio = new RaftTrio(folder, ELECTION_TIMEOUT);
        List<Peer> founders = trio.founders();
        before = RaftTrio.configuration(trio.leader().membersIndex(), founders);
        now = founders.subList(0, 2);
        RaftTrio.get(trio.leader().setMembers(now));
        RaftTrio.await(() -> trio.replica(1).members().size() == 2 && isWithTheLeader());
        assertThat(trio.replica(1).membersIndex()).isGreaterThan(before.getIndex());
    }

    @AfterEach
    void close() throws IOException {
        trio.close();
    }

    private boolean isWithTheLeader() {
        return trio.replica(1).appliedIndex() >= trio.leader().appliedIndex();
    }

    @Test
    void whoLedOnceDoesNotBringBackItsMembers() throws Exception {
        InstallSnapshotResult answer =
                trio.tellToInstall(1, 1, trio.leader().term() - 1, before).getResult();
        assertThat(answer).isEqualTo(InstallSnapshotResult.NOT_LEADER);
        assertThat(trio.replica(1).members()).containsExactlyInAnyOrderElementsOf(now);
    }

    @Test
    void norDoesARequestThatWasOnItsWayForLong() throws Exception {
        assertThatThrownBy(() -> trio.tellToInstall(1, 1, trio.leader().term(), before))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("changed since");
        assertThat(trio.replica(1).members()).containsExactlyInAnyOrderElementsOf(now);
    }

    @Test
    void theSameMembersAreNoNews() throws Exception {
        LogEntryProto same = RaftTrio.configuration(trio.leader().membersIndex(), now);
        long told = trio.leader().logEnd().index();
        trio.tellToInstall(1, told, trio.leader().term(), same);
        assertThat(trio.replica(1).members()).containsExactlyInAnyOrderElementsOf(now);
        RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
        RaftTrio.await(this::isWithTheLeader);
    }

    /** Who leads a change that leaves itself out names the members to be. */
    @Test
    void aLeaderThatIsAboutToLeaveDoesNotKeepAFollowerWaitingForEver() throws Exception {
        LogEntryProto next = RaftTrio.configuration(trio.leader().membersIndex() + 1, List.of(now.get(1)));
        long told = trio.leader().logEnd().index();
        assertThatThrownBy(() -> trio.tellToInstall(1, told, trio.leader().term(), next))
                .isInstanceOf(IOException.class);
        RaftTrio.get(trio.leader().propose(Message.valueOf("x")));
        RaftTrio.await(this::isWithTheLeader);
    }
}
