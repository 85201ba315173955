package io.holdfast.consensus.raft;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.ratis.proto.RaftProtos.CommitInfoProto;
import org.apache.ratis.proto.RaftProtos.RaftGroupIdProto;
import org.apache.ratis.proto.RaftProtos.RaftPeerRole;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.proto.RaftProtos.TermIndexProto;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientAsynchronousProtocol;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.SetConfigurationRequest;
import org.apache.ratis.protocol.SnapshotManagementRequest;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The local replica of a Raft group, open. Any thread. */
public final class RaftGroupHandle {
    private static final Logger LOG = LoggerFactory.getLogger(RaftGroupHandle.class);
    private static final long CONFIGURATION_TIMEOUT_MS = 30_000;
    private static final long ANSWER_MS_MAX = 1_000;
    private static final long ENTRIES_BEHIND_MAX = 100;

    private final RaftServer server;
    private final RaftServer.Division division;
    private final GroupId group;
    private final Peer self;
    private final ClientId clientId;
    private final AtomicLong callIds;

    RaftGroupHandle(
            RaftServer server,
            RaftServer.Division division,
            GroupId group,
            Peer self,
            ClientId clientId,
            AtomicLong callIds) {
        this.server = server;
        this.division = division;
        this.group = group;
        this.self = self;
        this.clientId = clientId;
        this.callIds = callIds;
    }

    public GroupId group() {
        return group;
    }

    public boolean isLeader() {
        return division.getInfo().isLeader();
    }

    /** Leader, and everything that earlier terms committed is applied. */
    public boolean isReadyLeader() {
        return division.getInfo().isLeader() && division.getInfo().isLeaderReady();
    }

    /** Node that leads, 0 if not known. */
    public int leaderNode() {
        RaftPeerId leader = division.getInfo().getLeaderId();
        return leader == null ? 0 : Peer.nodeIdOf(leader);
    }

    public long term() {
        return division.getInfo().getCurrentTerm();
    }

    public long appliedIndex() {
        return division.getStateMachine().getLastAppliedTermIndex().getIndex();
    }

    public long committedIndex() {
        return division.getRaftLog().getLastCommittedIndex();
    }

    /** Last entry of the local Raft log, or what the last checkpoint holds; never null. */
    public LogEnd logEnd() {
        TermIndex last = division.getRaftLog().getLastEntryTermIndex();
        TermIndex applied = division.getStateMachine().getLastAppliedTermIndex();
        TermIndex end = last == null || last.compareTo(applied) < 0 ? applied : last;
        return new LogEnd(Math.max(0, end.getTerm()), Math.max(0, end.getIndex()));
    }

    /** Where a Raft log ends; the greater one has more. */
    public record LogEnd(long term, long index) implements Comparable<LogEnd> {
        @Override
        public int compareTo(LogEnd other) {
            int byTerm = Long.compare(term, other.term);
            return byTerm != 0 ? byTerm : Long.compare(index, other.index);
        }
    }

    public boolean isAlive() {
        return division.getInfo().isAlive();
    }

    /**
     * Whether this node is a voting member for good: the configuration that says so is committed and no change of
     * members is under way. Before that, losing another node may still lose the group.
     */
    public boolean isMember() {
        RaftConfiguration configuration = division.getRaftConf();
        return configuration.getCurrentPeers().stream()
                        .anyMatch(peer -> peer.getId().equals(self.raftId()))
                && configuration.getPreviousPeers().isEmpty()
                && committedIndex() >= configuration.getLogEntryIndex();
    }

    public boolean isCandidate() {
        return division.getInfo().getCurrentRole() == RaftPeerRole.CANDIDATE;
    }

    /** Voting members as the local replica knows them. */
    public List<Peer> members() {
        List<Peer> members = new ArrayList<>();
        division.getRaftConf().getAllPeers(RaftPeerRole.FOLLOWER).forEach(peer -> members.add(Peer.of(peer)));
        return members;
    }

    /**
     * Proposes on the calling thread: when this returns, the entry is in the leader's log or refused, so that proposals
     * of one thread keep their order. The future completes with apply's answer, or with what went wrong inside it.
     */
    public CompletableFuture<RaftClientReply> propose(Message message) {
        return submit(message, RaftClientRequest.writeRequestType());
    }

    /**
     * Completes when this replica has applied everything that was committed when this was called, as the leader
     * confirms with a majority. After it, a local read is linearizable.
     */
    public CompletableFuture<RaftClientReply> readBarrier() {
        return submit(Message.EMPTY, RaftClientRequest.readRequestType());
    }

    private CompletableFuture<RaftClientReply> submit(Message message, RaftClientRequest.Type type) {
        RaftClientRequest request = RaftClientRequest.newBuilder()
                .setClientId(clientId)
                .setServerId(self.raftId())
                .setGroupId(group.raft())
                .setCallId(callIds.incrementAndGet())
                .setMessage(message)
                .setType(type)
                .build();
        try {
            return ((RaftClientAsynchronousProtocol) division).submitClientRequestAsync(request);
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Whether a member answers this leader and has all but the last few entries. False on followers. */
    public boolean isCaughtUp(int nodeId) {
        if (!division.getInfo().isLeader()) {
            return false;
        }
        return division.getRaftConf().getCurrentPeers().stream()
                .filter(peer -> Peer.nodeIdOf(peer.getId()) == nodeId)
                .anyMatch(peer ->
                        answers(peer.getId()) && knownCommit(peer.getId()) >= committedIndex() - ENTRIES_BEHIND_MAX);
    }

    /** Whether a member that answers this leader does not know the last commit yet. False on followers. */
    public boolean hasMemberBehindCommit() {
        long committed = committedIndex();
        return division.getInfo().isLeader()
                && division.getRaftConf().getCurrentPeers().stream()
                        .filter(peer -> !peer.getId().equals(self.raftId()))
                        .anyMatch(peer -> answers(peer.getId()) && knownCommit(peer.getId()) < committed);
    }

    private boolean answers(RaftPeerId member) {
        return division.getInfo().getRoleInfoProto().getLeaderInfo().getFollowerInfoList().stream()
                .anyMatch(
                        follower -> RaftPeerId.valueOf(follower.getId().getId()).equals(member)
                                && follower.getLastRpcElapsedTimeMs() < ANSWER_MS_MAX);
    }

    private long knownCommit(RaftPeerId member) {
        return division.getCommitInfos().stream()
                .filter(info -> RaftPeerId.valueOf(info.getServer().getId()).equals(member))
                .mapToLong(CommitInfoProto::getCommitIndex)
                .findFirst()
                .orElse(-1);
    }

    /**
     * Stands for election at once, if this replica still follows a leader on that node. For those who know that the
     * node is gone: it saves the time that Raft would wait for its next heartbeat. If they are wrong, it costs an
     * election and nothing else.
     */
    public void electWithout(int deadNode) {
        RaftPeerId leader = division.getInfo().getLeaderId();
        if (leader == null
                || Peer.nodeIdOf(leader) != deadNode
                || !division.getInfo().isFollower()) {
            return;
        }
        StartLeaderElectionRequestProto request = StartLeaderElectionRequestProto.newBuilder()
                .setServerRequest(RaftRpcRequestProto.newBuilder()
                        .setRequestorId(leader.toByteString())
                        .setReplyId(self.raftId().toByteString())
                        .setRaftGroupId(
                                RaftGroupIdProto.newBuilder().setId(group.raft().toByteString()))
                        .setCallId(callIds.incrementAndGet()))
                .setLeaderLastEntry(TermIndexProto.newBuilder().setTerm(term()).setIndex(0))
                .build();
        try {
            server.startLeaderElection(request);
        } catch (IOException | RuntimeException e) {
            // It stands already, or somebody else does: Ratis refuses in several ways.
            LOG.debug("{}: no election on notice: {}", group, e.getMessage());
        }
    }

    /** Replaces the members; new ones catch up first, then the change is committed. Leader only. */
    public CompletableFuture<Void> setMembers(List<Peer> members) {
        List<RaftPeer> peers = new ArrayList<>();
        members.forEach(member -> peers.add(member.raft()));
        try {
            return done(server.setConfigurationAsync(new SetConfigurationRequest(
                    clientId,
                    self.raftId(),
                    group.raft(),
                    callIds.incrementAndGet(),
                    SetConfigurationRequest.Arguments.newBuilder()
                            .setServersInNewConf(peers)
                            .build())));
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Hands leadership to another member. Leader only. */
    public CompletableFuture<Void> transferLeadership(Peer to, Duration timeout) {
        try {
            return done(server.transferLeadershipAsync(new TransferLeadershipRequest(
                    clientId,
                    self.raftId(),
                    group.raft(),
                    callIds.incrementAndGet(),
                    to.raftId(),
                    timeout.toMillis())));
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Asks for a checkpoint now, if anything was applied since the last one. */
    public CompletableFuture<Void> checkpoint() {
        return done(server.snapshotManagementAsync(SnapshotManagementRequest.newCreate(
                clientId, self.raftId(), group.raft(), callIds.incrementAndGet(), CONFIGURATION_TIMEOUT_MS, 1)));
    }

    /** Success or an exception; nobody outside this module handles Ratis' replies. */
    private static CompletableFuture<Void> done(CompletableFuture<RaftClientReply> reply) {
        return reply.thenAccept(answer -> {
            if (!answer.isSuccess()) {
                throw new CompletionException(String.valueOf(answer.getException()), answer.getException());
            }
        });
    }
}
