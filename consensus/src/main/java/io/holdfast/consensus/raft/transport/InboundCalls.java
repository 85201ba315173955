package io.holdfast.consensus.raft.transport;

import io.holdfast.consensus.raft.GroupMachine;
import io.netty.channel.Channel;
import io.netty.channel.ChannelHandlerContext;
import java.io.IOException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.function.Function;
import java.util.function.Predicate;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotResult;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.ReadIndexRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.server.DivisionInfo;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.thirdparty.com.google.protobuf.MessageLite;
import org.apache.ratis.util.LifeCycle;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Answers what a peer asks on one accepted connection. Appends of a leader that is already followed run on the event
 * loop, in the order they came: the payload is written there, and flushed elsewhere. Everything that may wait, for a
 * flush or for an election of this node to end, runs on the executor; appends of a group stay in order.
 *
 * <p>Two things are refused here, before Raft sees them. A request for another incarnation of this node: its votes and
 * log are gone, and this one must not answer in its name. A request for a group that is not open, or is just being
 * opened: Ratis does not stand being spoken to while a group starts.
 */
final class InboundCalls extends FrameReader {
    private static final Logger LOG = LoggerFactory.getLogger(InboundCalls.class);

    private final Channel channel;
    private final RaftServer server;
    private final Function<RaftServer.Division, CompletableFuture<Void>> confirmLeader;
    private final Predicate<RaftGroupId> openGroups;
    private final UnflushedAppends unflushed;
    private final Executor blocking;
    private final Outbox outbox;
    private final GroupLanes lanes;

    InboundCalls(
            Channel channel,
            RaftServer server,
            Function<RaftServer.Division, CompletableFuture<Void>> confirmLeader,
            Predicate<RaftGroupId> openGroups,
            UnflushedAppends unflushed,
            Executor blocking,
            int bodyBytesMax) {
        super(bodyBytesMax, true);
        this.channel = channel;
        this.server = server;
        this.confirmLeader = confirmLeader;
        this.openGroups = openGroups;
        this.unflushed = unflushed;
        this.blocking = blocking;
        this.outbox = new Outbox(channel);
        this.lanes = new GroupLanes(blocking);
    }

    @Override
    void onFrame(Frame frame) throws IOException {
        switch (frame.kind()) {
            case APPEND -> append(frame.call(), frame.parse(AppendEntriesRequestProto.parser()));
            case READ_INDEX -> readIndex(frame.call(), frame.parse(ReadIndexRequestProto.parser()));
            case VOTE -> {
                RequestVoteRequestProto request = frame.parse(RequestVoteRequestProto.parser());
                later(frame.call(), request.getServerRequest(), () -> vote(request));
            }
            case ELECT -> {
                StartLeaderElectionRequestProto request = frame.parse(StartLeaderElectionRequestProto.parser());
                later(frame.call(), request.getServerRequest(), () -> server.startLeaderElection(request));
            }
            case INSTALL -> {
                InstallSnapshotRequestProto request = frame.parse(InstallSnapshotRequestProto.parser());
                later(frame.call(), request.getServerRequest(), () -> install(request));
            }
            case ANSWER, FAILURE -> throw new IOException("an answer to a question that was never asked");
        }
    }

    private void append(long call, AppendEntriesRequestProto request) {
        try {
            check(request.getServerRequest());
            RaftGroupId group = groupOf(request.getServerRequest());
            if (isFollowing(group, request) && !lanes.isBusy(group)) {
                appendNow(call, request);
            } else {
                lanes.run(group, () -> appendNow(call, request));
            }
        } catch (IOException | RuntimeException e) {
            fail(call, e);
        }
    }

    /** Whether this changes nobody's role; when it does, Ratis waits for the end of an election, maybe for a second. */
    private boolean isFollowing(RaftGroupId group, AppendEntriesRequestProto request) throws IOException {
        DivisionInfo info = server.getDivision(group).getInfo();
        RaftPeerId leader = info.getLeaderId();
        return info.isFollower()
                && info.getCurrentTerm() == request.getLeaderTerm()
                && leader != null
                && leader.toByteString().equals(request.getServerRequest().getRequestorId());
    }

    private void appendNow(long call, AppendEntriesRequestProto request) {
        try {
            whenDone(call, unflushed.run(server, request));
        } catch (IOException | RuntimeException e) {
            fail(call, e);
        }
    }

    private void readIndex(long call, ReadIndexRequestProto request) {
        try {
            check(request.getServerRequest());
            RaftGroupId group = groupOf(request.getServerRequest());
            whenDone(
                    call,
                    confirmLeader
                            .apply(server.getDivision(group))
                            .thenCombine(server.readIndexAsync(request), (ok, index) -> index));
        } catch (IOException | RuntimeException e) {
            fail(call, e);
        }
    }

    /**
     * A candidate that has committed something does not count the votes of members whose log is empty (Ratis 3.3): they may
     * have lost it. Here who has lost its log has another name, or does not open; a log is empty if nothing has come yet. So
     * what such a member's log ends with is left out, as a member of an older version does, whose votes count. Else two
     * members, one with all and one with nothing yet, would never find a leader without the third.
     */
    private RequestVoteReplyProto vote(RequestVoteRequestProto request) throws IOException {
        RaftGroupId group = groupOf(request.getServerRequest());
        takePart(server.getDivision(group), request.getServerRequest());
        RequestVoteReplyProto reply = server.requestVote(request);
        if (reply.getServerReply().getSuccess() && !request.getPreVote()) {
            DurableVotes.flush(server.getDivision(group));
        }
        boolean isNew = reply.getLastEntry().getTerm() == 0
                && server.getDivision(group).getStateMachine() instanceof GroupMachine machine
                && !machine.hasPayloads();
        return isNew ? reply.toBuilder().clearLastEntry().build() : reply;
    }

    /**
     * A replica that is only now becoming a member, or was in the midst of a change of members when it started, refuses to
     * vote in Ratis 3.3 until a leader tells it that it counts. If its vote is needed to have a leader there will never be one.
     * Its log knows better: if that says that it is a member, it hears here what the last leader would have told it next, an
     * empty append; if it knows none, then in the name of the one who wants to lead. Neither can make it believe
     * anything about entries.
     */
    private void takePart(RaftServer.Division division, RaftRpcRequestProto from) throws IOException {
        DivisionInfo info = division.getInfo();
        if (info.getLifeCycleState() != LifeCycle.State.STARTING
                || division.getRaftConf().getAllPeers().stream()
                        .noneMatch(peer -> peer.getId().equals(server.getId()))) {
            return;
        }
        RaftPeerId leader = info.getLeaderId();
        LOG.info("{}: a vote is needed here, so this replica takes part from now on", division.getMemberId());
        server.appendEntries(AppendEntriesRequestProto.newBuilder()
                .setServerRequest(
                        leader == null
                                ? from
                                : from.toBuilder()
                                        .setRequestorId(leader.toByteString())
                                        .build())
                .setLeaderTerm(info.getCurrentTerm())
                .build());
    }

    private InstallSnapshotReplyProto install(InstallSnapshotRequestProto request) throws IOException {
        RaftServer.Division division = server.getDivision(groupOf(request.getServerRequest()));
        InstallSnapshotReplyProto reply = server.installSnapshot(InstallRequests.checked(division, request));
        if (reply.getResult() == InstallSnapshotResult.SNAPSHOT_INSTALLED) {
            unflushed.forget(division);
        }
        return reply;
    }

    private interface BlockingCall {
        MessageLite run() throws IOException;
    }

    private void later(long call, RaftRpcRequestProto request, BlockingCall task) {
        try {
            check(request);
            blocking.execute(() -> {
                try {
                    answer(call, task.run());
                } catch (IOException | RuntimeException e) {
                    fail(call, e);
                }
            });
        } catch (IOException | RejectedExecutionException e) {
            fail(call, e);
        }
    }

    private void check(RaftRpcRequestProto request) throws IOException {
        RaftPeerId addressee = RaftPeerId.valueOf(request.getReplyId());
        if (!addressee.equals(server.getId())) {
            throw new IOException(addressee + " is not here: this is " + server.getId());
        }
        RaftGroupId group = groupOf(request);
        if (!openGroups.test(group)) {
            throw new IOException(group + " is not open here");
        }
    }

    static RaftGroupId groupOf(RaftRpcRequestProto request) {
        return RaftGroupId.valueOf(request.getRaftGroupId().getId());
    }

    private void whenDone(long call, CompletableFuture<? extends MessageLite> answer) {
        answer.whenComplete((reply, failure) -> {
            if (failure == null) {
                answer(call, reply);
            } else {
                fail(call, failure);
            }
        });
    }

    private void answer(long call, MessageLite reply) {
        outbox.put(Frame.encode(channel.alloc(), Frame.Kind.ANSWER, call, reply));
    }

    private void fail(long call, Throwable cause) {
        outbox.put(Frame.failure(channel.alloc(), call, cause));
    }

    @Override
    public void channelInactive(ChannelHandlerContext context) {
        outbox.discard();
    }
}
