package io.holdfast.consensus.raft;

import io.holdfast.consensus.raft.transport.TransportType;
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
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The local replica of a Raft group, open or at rest. A replica at rest is closed: it has no threads and no timers, takes
 * no part in anything, and answers from what it knew when it was closed. Any thread.
 */
public final class RaftGroupHandle {
    private static final Logger LOG = LoggerFactory.getLogger(RaftGroupHandle.class);
    private static final long CONFIGURATION_TIMEOUT_MS = 30_000;
    private static final long ANSWER_MS_MAX = 2_000;
    private static final long ENTRIES_BEHIND_MAX = 100;

    private final RaftServer server;
    private final GroupId group;
    private final Peer self;
    private final ClientId clientId;
    private final AtomicLong callIds;
    /** Null at rest. */
    private volatile RaftServer.@Nullable Division division;

    private volatile Rest rest;

    /**
     * What a replica at rest knows.
     *
     * @param term Raft's current term when it was closed
     * @param end of its log, all of it committed and applied
     * @param members of the group as of then
     */
    public record Rest(long term, LogEnd end, List<Peer> members) {
        /** Before a group is opened for the first time. */
        public static Rest unborn(List<Peer> founders) {
            return new Rest(0, LogEnd.NONE, List.copyOf(founders));
        }
    }

    RaftGroupHandle(RaftServer server, GroupId group, Peer self, ClientId clientId, AtomicLong callIds, Rest rest) {
        this.server = server;
        this.group = group;
        this.self = self;
        this.clientId = clientId;
        this.callIds = callIds;
        this.rest = rest;
    }

    void opened(RaftServer.Division open) {
        division = open;
    }

    void closed(Rest facts) {
        rest = facts;
        division = null;
    }

    public boolean isOpen() {
        return division != null;
    }

    /** What was known when the replica was last closed. */
    public Rest rest() {
        return rest;
    }

    public GroupId group() {
        return group;
    }

    public boolean isLeader() {
        RaftServer.Division open = division;
        return open != null && open.getInfo().isLeader();
    }

    /** Leader, and everything that earlier terms committed is applied. */
    public boolean isReadyLeader() {
        RaftServer.Division open = division;
        return open != null && open.getInfo().isLeader() && open.getInfo().isLeaderReady();
    }

    /** Node that leads, 0 if not known. */
    public int leaderNode() {
        RaftServer.Division open = division;
        RaftPeerId leader = open == null ? null : open.getInfo().getLeaderId();
        return leader == null ? 0 : Peer.nodeIdOf(leader);
    }

    public long term() {
        RaftServer.Division open = division;
        return open == null ? rest.term : open.getInfo().getCurrentTerm();
    }

    public long appliedIndex() {
        RaftServer.Division open = division;
        return open == null
                ? rest.end.index
                : open.getStateMachine().getLastAppliedTermIndex().getIndex();
    }

    public long committedIndex() {
        RaftServer.Division open = division;
        return open == null ? rest.end.index : open.getRaftLog().getLastCommittedIndex();
    }

    /** Last entry of the local Raft log, or what the last checkpoint holds; never null. */
    public LogEnd logEnd() {
        RaftServer.Division open = division;
        if (open == null) {
            return rest.end;
        }
        // Ratis may have closed it, with a replica that is no member any more.
        TermIndex last = open.getRaftLog().isOpened() ? open.getRaftLog().getLastEntryTermIndex() : null;
        TermIndex applied = open.getStateMachine().getLastAppliedTermIndex();
        TermIndex end = last == null || last.compareTo(applied) < 0 ? applied : last;
        return new LogEnd(Math.max(0, end.getTerm()), Math.max(0, end.getIndex()));
    }

    /** Where a Raft log ends; the greater one has more. */
    public record LogEnd(long term, long index) implements Comparable<LogEnd> {
        public static final LogEnd NONE = new LogEnd(0, 0);

        @Override
        public int compareTo(LogEnd other) {
            int byTerm = Long.compare(term, other.term);
            return byTerm != 0 ? byTerm : Long.compare(index, other.index);
        }
    }

    /** False once Ratis has given the open replica up. */
    public boolean isAlive() {
        RaftServer.Division open = division;
        return open == null || open.getInfo().isAlive();
    }

    /**
     * Whether this node is a voting member for good: the configuration that says so is committed and no change of
     * members is under way. Before that, losing another node may still lose the group.
     */
    public boolean isMember() {
        RaftServer.Division open = division;
        if (open == null) {
            return rest.members.stream().anyMatch(peer -> peer.name().equals(self.name()));
        }
        return isSettled(open)
                && open.getRaftConf().getCurrentPeers().stream()
                        .anyMatch(peer -> peer.getId().equals(self.raftId()));
    }

    /** Whether the members are what they are for good: committed, and no change of them under way. */
    public boolean isSettled() {
        RaftServer.Division open = division;
        return open == null || isSettled(open);
    }

    private boolean isSettled(RaftServer.Division open) {
        RaftConfiguration configuration = open.getRaftConf();
        return configuration.getPreviousPeers().isEmpty() && committedIndex() >= configuration.getLogEntryIndex();
    }

    public boolean isCandidate() {
        RaftServer.Division open = division;
        return open != null && open.getInfo().getCurrentRole() == RaftPeerRole.CANDIDATE;
    }

    /** Voting members as the local replica knows them. */
    public List<Peer> members() {
        RaftServer.Division open = division;
        if (open == null) {
            return rest.members;
        }
        List<Peer> peers = new ArrayList<>();
        open.getRaftConf().getAllPeers(RaftPeerRole.FOLLOWER).forEach(peer -> peers.add(Peer.of(peer)));
        return peers;
    }

    /** Raft index of the entry that says who the {@link #members} are; 0 if none does, or at rest. */
    public long membersIndex() {
        RaftServer.Division open = division;
        return open == null ? 0 : Math.max(0, open.getRaftConf().getLogEntryIndex());
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
        RaftServer.Division open = division;
        if (open == null) {
            return CompletableFuture.failedFuture(new IOException("the replica is at rest"));
        }
        // Ratis' own confirmation has holes: see there. The order matters not, as both begin after the reader came.
        return TransportType.confirmLeader(open)
                .thenCombine(submit(Message.EMPTY, RaftClientRequest.readRequestType()), (ok, reply) -> reply);
    }

    /** Completes if a majority says, after this was called, that it has no newer leader than this replica. */
    public CompletableFuture<Void> confirmLeadership() {
        return isReadyLeader()
                ? done(readBarrier())
                : CompletableFuture.failedFuture(new IOException("another replica leads, or none"));
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
        RaftServer.Division open = division;
        if (open == null) {
            return CompletableFuture.failedFuture(new IOException("the replica is at rest"));
        }
        try {
            return ((RaftClientAsynchronousProtocol) open).submitClientRequestAsync(request);
        } catch (IOException | RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** Whether a member answers this leader and has all but the last few entries. False on followers. */
    public boolean isCaughtUp(int nodeId) {
        RaftServer.Division open = division;
        return open != null
                && open.getInfo().isLeader()
                && open.getRaftConf().getCurrentPeers().stream()
                        .filter(peer -> Peer.nodeIdOf(peer.getId()) == nodeId)
                        .anyMatch(peer -> answers(open, peer.getId())
                                && knownCommit(open, peer.getId()) >= committedIndex() - ENTRIES_BEHIND_MAX);
    }

    /** Nodes of members that this leader has heard nothing of for two seconds. Empty on followers. */
    public List<Integer> silentMembers() {
        RaftServer.Division open = division;
        List<Integer> silent = new ArrayList<>();
        if (open != null) {
            for (RaftPeerId peer : others(open)) {
                if (!answers(open, peer)) {
                    silent.add(Peer.nodeIdOf(peer));
                }
            }
        }
        return silent;
    }

    /** Whether this ready leader and all members have applied or know as committed all there is. */
    public boolean isAtPeace() {
        RaftServer.Division open = division;
        if (open == null || !isReadyLeader() || !isMember()) {
            return false;
        }
        long end = logEnd().index();
        return committedIndex() == end
                && appliedIndex() == end
                && others(open).stream().allMatch(peer -> answers(open, peer) && knownCommit(open, peer) == end);
    }

    /** The other members, if this replica leads; else nobody. */
    private List<RaftPeerId> others(RaftServer.Division open) {
        if (!open.getInfo().isLeader()) {
            return List.of();
        }
        return open.getRaftConf().getCurrentPeers().stream()
                .map(RaftPeer::getId)
                .filter(peer -> !peer.equals(self.raftId()))
                .toList();
    }

    private static boolean answers(RaftServer.Division open, RaftPeerId member) {
        return open.getInfo().getRoleInfoProto().getLeaderInfo().getFollowerInfoList().stream()
                .anyMatch(
                        follower -> RaftPeerId.valueOf(follower.getId().getId()).equals(member)
                                && follower.getLastRpcElapsedTimeMs() < ANSWER_MS_MAX);
    }

    private static long knownCommit(RaftServer.Division open, RaftPeerId member) {
        return open.getCommitInfos().stream()
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
        RaftServer.Division open = division;
        RaftPeerId leader = open == null ? null : open.getInfo().getLeaderId();
        if (open != null
                && leader != null
                && Peer.nodeIdOf(leader) == deadNode
                && open.getInfo().isFollower()) {
            stand(leader);
        }
    }

    /** Stands for election at once, if this replica is open and knows no leader. */
    public void elect() {
        RaftServer.Division open = division;
        if (open != null
                && open.getInfo().getLeaderId() == null
                && open.getInfo().isFollower()) {
            stand(self.raftId());
        }
    }

    /** As if that peer, the present leader or anyone if there is none, had asked this one to take over. */
    private void stand(RaftPeerId leader) {
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

    /**
     * Replaces the members; new ones catch up first, then the change is committed. Leader only. Ratis refuses to add as
     * many as stay; see {@link MemberStep}.
     */
    public CompletableFuture<Void> setMembers(List<Peer> members) {
        List<RaftPeer> voters = new ArrayList<>();
        members.forEach(member -> voters.add(member.raft()));
        try {
            return done(server.setConfigurationAsync(new SetConfigurationRequest(
                    clientId,
                    self.raftId(),
                    group.raft(),
                    callIds.incrementAndGet(),
                    SetConfigurationRequest.Arguments.newBuilder()
                            .setServersInNewConf(voters)
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
