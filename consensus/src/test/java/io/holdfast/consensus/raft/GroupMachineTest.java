package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.storage.log.PayloadGoneException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.ClosedChannelException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletionException;
import org.apache.ratis.proto.RaftProtos.FollowerInfoProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftPeerProto;
import org.apache.ratis.proto.RaftProtos.RoleInfoProto;
import org.apache.ratis.proto.RaftProtos.ServerRpcProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.server.protocol.TermIndex;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What a replica does when the leader has it copy a checkpoint. */
class GroupMachineTest {
    private static final RoleInfoProto FOLLOWER_OF_NODE_2 = RoleInfoProto.newBuilder()
            .setFollowerInfo(FollowerInfoProto.newBuilder()
                    .setLeaderInfo(ServerRpcProto.newBuilder()
                            .setId(RaftPeerProto.newBuilder()
                                    .setId(new Peer(2, "i", "h:1").raftId().toByteString()))))
            .build();

    @Test
    void aReplicaThatHasNothingCopies() {
        Machine machine = new Machine(500);
        assertThat(ask(machine, 0)).isEqualTo(TermIndex.valueOf(3, 500));
        assertThat(machine.steps).containsExactly("fetch from 2 at least -1", "adopt 500");
        assertThat(machine.getLastAppliedTermIndex().getIndex()).isEqualTo(500);
    }

    @Test
    void aReplicaThatIsBehindCopies() {
        Machine machine = new Machine(500);
        machine.hasApplied(100);
        assertThat(ask(machine, 200)).isEqualTo(TermIndex.valueOf(3, 500));
        assertThat(machine.steps).containsExactly("fetch from 2 at least 199", "adopt 500");
    }

    /** One that was a member until a moment ago is added anew: it may have more than the leader's last checkpoint. */
    @Test
    void aReplicaNeverGoesBack() {
        Machine machine = new Machine(500);
        machine.hasApplied(505);
        assertThat(ask(machine, 450)).as("nothing is installed").isNull();
        assertThat(machine.steps).isEmpty();
        assertThat(machine.getLastAppliedTermIndex().getIndex()).isEqualTo(505);
    }

    @Test
    void aReplicaThatGoesOnWhileItCopiesDoesNotGoBackEither() {
        Machine machine = new Machine(500);
        machine.hasApplied(100);
        machine.duringFetch = () -> machine.hasApplied(505);
        assertThat(ask(machine, 200)).as("nothing is installed").isNull();
        assertThat(machine.steps).containsExactly("fetch from 2 at least 199");
        assertThat(machine.getLastAppliedTermIndex().getIndex()).isEqualTo(505);
    }

    /** What is there then belongs to whoever opened the group again. */
    @Test
    void aReplicaThatIsClosedWhileItCopiesTouchesNothing() {
        Machine machine = new Machine(500);
        machine.duringFetch = () -> {
            try {
                machine.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        };
        assertThatThrownBy(() -> ask(machine, 200)).hasMessageContaining("was closed here while it was copied");
        assertThatThrownBy(() -> machine.whileOpen(() -> machine.steps.add("write")))
                .hasMessageContaining("was closed here while it was copied");
        assertThat(machine.steps).containsExactly("fetch from 2 at least 199", "release");
    }

    /** An appender may be about to read what is written anew at that moment: no reason to stop. */
    @Test
    void aPayloadThatIsGoneIsNotDamage() {
        Machine machine = new Machine(0);
        machine.notifyLogFailed(new CompletionException(new PayloadGoneException("compacted")), null);
        assertThat(machine.damage()).isNull();
        assertThat(machine.steps).isEmpty();

        machine.notifyLogFailed(new CompletionException(new IOException("No space left")), null);
        assertThat(machine.damage()).isEqualTo("No space left");
        assertThat(machine.steps).containsExactly("stop");
    }

    /** Ratis closes its log after the machine; the node was stopped for that, in the chaos scenario bit-flips. */
    @Test
    void aWriteThatAReplicaWasClosedUnderIsNoFailingDisk() throws IOException {
        Machine machine = new Machine(0);
        ClosedChannelException failure = new ClosedChannelException();
        machine.close();
        machine.notifyLogFailed(failure, null);
        machine.notifyLogFailed(new IOException("the log stopped at an earlier I/O error", failure), null);
        assertThat(machine.steps).containsExactly("release");

        machine.notifyLogFailed(new IOException("Input/output error"), null);
        assertThat(machine.steps).as("whatever else happens then").containsExactly("release", "stop");

        Machine open = new Machine(0);
        open.notifyLogFailed(failure, null);
        assertThat(open.steps).as("nobody closed it here").containsExactly("stop");
    }

    private static @Nullable TermIndex ask(Machine machine, long firstInLog) {
        return machine.notifyInstallSnapshotFromLeader(FOLLOWER_OF_NODE_2, TermIndex.valueOf(4, firstInLog))
                .join();
    }

    private static final class Machine extends GroupMachine {
        final List<String> steps;
        final long leadersCheckpoint;
        Runnable duringFetch = () -> {};

        Machine(long leadersCheckpoint) {
            this(leadersCheckpoint, new ArrayList<>());
        }

        private Machine(long leadersCheckpoint, List<String> steps) {
            super(
                    GroupId.METADATA,
                    new Silent() {
                        @Override
                        public void onDiskFailure(GroupId group, Throwable cause) {
                            steps.add("stop");
                        }
                    },
                    Runnable::run);
            this.leadersCheckpoint = leadersCheckpoint;
            this.steps = steps;
        }

        void hasApplied(long index) {
            setLastAppliedTermIndex(TermIndex.valueOf(3, index));
        }

        @Override
        protected TermIndex load() {
            throw new UnsupportedOperationException();
        }

        @Override
        protected Message apply(FrameOfEntry frame, LogEntryProto entry) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected void store(TermIndex appliedUpTo) {
            steps.add("store " + appliedUpTo.getIndex());
        }

        @Override
        protected Object fetch(int leaderNode, long minIndex) {
            steps.add("fetch from " + leaderNode + " at least " + minIndex);
            duringFetch.run();
            return leadersCheckpoint;
        }

        @Override
        protected TermIndex endOf(Object fetched) {
            return TermIndex.valueOf(3, (Long) fetched);
        }

        @Override
        protected TermIndex adopt(Object fetched) {
            steps.add("adopt " + fetched);
            return endOf(fetched);
        }

        @Override
        protected void release() {
            steps.add("release");
        }
    }
}
