package io.holdfast.chaos.arena;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.GroupMachine;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.consensus.raft.RaftSettings;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.RaftGroupIdProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcReplyProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.TermIndexProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** A node that loses its power right after it has voted. If it voted again in that term, there could be two leaders. */
class ForgottenVoteTest extends OnFaultyDisk {
    private static final GroupId GROUP = GroupId.METADATA;
    private static final long PREAMBLE = 0x4846_5241_4654_0001L;
    private static final int LENGTH_OVERHEAD = 9;
    private static final int VOTE = 1;
    private static final int ANSWER = 5;
    private static final int GRANTED = 10;
    private static final int REFUSED = 11;

    @Test
    void shouldNotVoteForTwo() throws Exception {
        assertThat(exitOf("vote-for-2")).isEqualTo(GRANTED);
        disk.lose(0);
        assertThat(exitOf("vote-for-3")).isEqualTo(REFUSED);
        assertThat(exitOf("vote-for-2")).isEqualTo(GRANTED);
    }

    @Test
    void shouldNotVoteForAnotherAfterItStoodItself() throws Exception {
        assertThat(exitOf("stand")).isEqualTo(GRANTED);
        disk.lose(0);
        assertThat(exitOf("vote-for-3")).isEqualTo(REFUSED);
    }

    /** What the process does, as node 1 of three. It ends as if it were killed. */
    public static void main(String[] args) throws Exception {
        try (ServerSocket second = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            int port = freePort();
            List<Peer> peers = List.of(
                    new Peer(1, "i", "127.0.0.1:" + port),
                    new Peer(2, "i", "127.0.0.1:" + second.getLocalPort()),
                    new Peer(3, "i", "127.0.0.1:" + freePort()));
            boolean stands = args[0].equals("stand");
            // Who stands tries again: its first connection may come too late for its first election.
            Duration patience = stands ? Duration.ofMillis(500) : Duration.ofSeconds(20);
            Path termOfVote = Path.of(args[1]).resolveSibling("term");
            RaftHost host = new RaftHost(
                    peers.get(0),
                    "127.0.0.1",
                    port,
                    Path.of(args[1]).resolve("raft"),
                    new RaftSettings(patience, patience.multipliedBy(2), 1 << 20, 1_000_000, 1 << 20, 1_000_000));
            host.start();
            RaftGroupHandle handle = host.atRest(GROUP, RaftGroupHandle.Rest.unborn(peers));
            host.open(handle, peers, new Stateless());
            if (stands) {
                haltWhenAskedToVote(second, peers, termOfVote);
            } else {
                Peer candidate = peers.get(args[0].endsWith("2") ? 1 : 2);
                Runtime.getRuntime().halt(askForVote(port, candidate, peers.get(0), termOfVote) ? GRANTED : REFUSED);
            }
        }
    }

    private static ByteString id(Peer peer) {
        return RaftPeerId.valueOf(peer.name()).toByteString();
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static boolean askForVote(int port, Peer candidate, Peer voter, Path termOfVote) throws IOException {
        long term = Files.exists(termOfVote) ? Long.parseLong(Files.readString(termOfVote)) : 1;
        byte[] request = RequestVoteRequestProto.newBuilder()
                .setServerRequest(RaftRpcRequestProto.newBuilder()
                        .setRequestorId(id(candidate))
                        .setReplyId(id(voter))
                        .setRaftGroupId(RaftGroupIdProto.newBuilder()
                                .setId(RaftGroupId.valueOf(GROUP.uuid()).toByteString())))
                .setCandidateTerm(term)
                .setCandidateLastEntry(TermIndexProto.newBuilder().setTerm(0).setIndex(-1))
                .build()
                .toByteArray();
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeLong(PREAMBLE);
            write(out, VOTE, 1, request);
            DataInputStream in = new DataInputStream(socket.getInputStream());
            int bytes = in.readInt() - LENGTH_OVERHEAD;
            int kind = in.readByte();
            in.readLong();
            byte[] body = in.readNBytes(bytes);
            assertThat(kind).as(new String(body, UTF_8)).isEqualTo(ANSWER);
            return RequestVoteReplyProto.parseFrom(body).getServerReply().getSuccess();
        }
    }

    /** Is the second node: would vote, and ends it all when it is asked for more than that. */
    private static void haltWhenAskedToVote(ServerSocket second, List<Peer> peers, Path termOfVote) throws IOException {
        try (Socket socket = second.accept()) {
            DataInputStream in = new DataInputStream(socket.getInputStream());
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            in.readLong();
            while (true) {
                int bytes = in.readInt() - LENGTH_OVERHEAD;
                int kind = in.readByte();
                long call = in.readLong();
                byte[] body = in.readNBytes(bytes);
                if (kind == VOTE) {
                    RequestVoteRequestProto request = RequestVoteRequestProto.parseFrom(body);
                    if (!request.getPreVote()) {
                        Files.writeString(termOfVote, Long.toString(request.getCandidateTerm()));
                        Runtime.getRuntime().halt(GRANTED);
                    }
                    write(out, ANSWER, call, wouldVote(request, peers).toByteArray());
                }
            }
        }
    }

    private static RequestVoteReplyProto wouldVote(RequestVoteRequestProto request, List<Peer> peers) {
        return RequestVoteReplyProto.newBuilder()
                .setServerReply(RaftRpcReplyProto.newBuilder()
                        .setRequestorId(id(peers.get(0)))
                        .setReplyId(id(peers.get(1)))
                        .setRaftGroupId(request.getServerRequest().getRaftGroupId())
                        .setSuccess(true))
                .build();
    }

    private static void write(DataOutputStream out, int kind, long call, byte[] body) throws IOException {
        out.writeInt(LENGTH_OVERHEAD + body.length);
        out.writeByte(kind);
        out.writeLong(call);
        out.write(body);
        out.flush();
    }

    private static final class Stateless extends GroupMachine {
        Stateless() {
            super(
                    GROUP,
                    new GroupListener() {
                        @Override
                        public void onLeader(GroupId group, int leaderNode) {}

                        @Override
                        public void onLeading(GroupId group) {}

                        @Override
                        public void onDamage(GroupId group, String reason) {}

                        @Override
                        public void onDiskFailure(GroupId group, Throwable cause) {}
                    },
                    Runnable::run);
        }

        @Override
        protected @Nullable TermIndex load() {
            return null;
        }

        @Override
        protected Message apply(FrameOfEntry frame, LogEntryProto entry) {
            return Message.EMPTY;
        }

        @Override
        protected void store(TermIndex appliedUpTo) {}

        @Override
        protected Object fetch(int leaderNode, long minIndex) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected TermIndex endOf(Object fetched) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected TermIndex adopt(Object fetched) {
            throw new UnsupportedOperationException();
        }

        @Override
        protected void release() {}
    }
}
