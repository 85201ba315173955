package io.holdfast.consensus.raft;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftConfigurationProto;
import org.apache.ratis.proto.RaftProtos.RaftGroupIdProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.TermIndexProto;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Node 4 takes the place of node 3 in a group, and the leader, node 1, dies in the middle of that. Of the new members there
 * are just node 2 and this one: without its vote there will never be a leader. The others are played.
 */
class JointMemberTest {
    private static final GroupId GROUP = GroupId.METADATA;
    private static final RaftSettings SETTINGS =
            new RaftSettings(Duration.ofMinutes(1), Duration.ofMinutes(2), 1 << 20, 1_000_000, 4 << 20, 1_000_000);

    @TempDir
    private Path folder;

    private List<Peer> peers = List.of();
    private RaftHost host;

    @BeforeEach
    void joins() throws IOException {
        peers = List.of(peer(1), peer(2), peer(3), peer(4));
        host = host();
    }

    private static Peer peer(int node) throws IOException {
        return new Peer(node, "i", "127.0.0.1:" + RaftTrio.freePort());
    }

    private RaftHost host() throws IOException {
        String address = peers.get(3).address();
        int port = Integer.parseInt(address.substring(address.indexOf(':') + 1));
        RaftHost started = new RaftHost(peers.get(3), "127.0.0.1", port, folder, SETTINGS);
        started.open(started.atRest(GROUP, Rest.unborn(peers.subList(0, 3))), peers.subList(0, 3), new Forgetful(null));
        started.start();
        return started;
    }

    @AfterEach
    void close() throws IOException {
        host.close();
    }

    @Test
    void shouldNotVoteBeforeItIsOne() {
        assertThatThrownBy(() -> voteFor(2)).hasMessageContaining("STARTING");
    }

    @Test
    void shouldVoteThoughTheLeaderThatAddedItIsDead() throws Exception {
        beAdded();
        assertThat(voteFor(2)).isTrue();
    }

    @Test
    void shouldVoteThoughItWasRestartedMeanwhile() throws Exception {
        beAdded();
        host.close();
        host = host();
        assertThat(voteFor(2)).isTrue();
    }

    /** The leader says that it is still being brought up to date, as Ratis does with the entry that adds a member. */
    private void beAdded() throws IOException {
        RaftConfigurationProto.Builder members = RaftConfigurationProto.newBuilder();
        for (int node : new int[] {1, 2, 4}) {
            members.addPeers(peers.get(node - 1).raft().getRaftPeerProto());
        }
        for (int node : new int[] {1, 2, 3}) {
            members.addOldPeers(peers.get(node - 1).raft().getRaftPeerProto());
        }
        AppendEntriesRequestProto request = AppendEntriesRequestProto.newBuilder()
                .setServerRequest(header(1))
                .setLeaderTerm(1)
                .setInitializing(true)
                .addEntries(LogEntryProto.newBuilder().setTerm(1).setIndex(0).setConfigurationEntry(members))
                .build();
        AppendEntriesReplyProto reply = AppendEntriesReplyProto.parseFrom(
                RawCall.call(peers.get(3).address(), RawCall.APPEND, request.toByteArray()));
        assertThat(reply.getResult()).isEqualTo(AppendEntriesReplyProto.AppendResult.SUCCESS);
    }

    private boolean voteFor(int node) throws IOException {
        RequestVoteRequestProto request = RequestVoteRequestProto.newBuilder()
                .setServerRequest(header(node))
                .setCandidateTerm(2)
                .setCandidateLastEntry(TermIndexProto.newBuilder().setTerm(1).setIndex(0))
                .build();
        return RequestVoteReplyProto.parseFrom(
                        RawCall.call(peers.get(3).address(), RawCall.VOTE, request.toByteArray()))
                .getServerReply()
                .getSuccess();
    }

    private RaftRpcRequestProto header(int from) {
        return RaftRpcRequestProto.newBuilder()
                .setRequestorId(peers.get(from - 1).raftId().toByteString())
                .setReplyId(peers.get(3).raftId().toByteString())
                .setRaftGroupId(RaftGroupIdProto.newBuilder().setId(GROUP.raft().toByteString()))
                .build();
    }
}
