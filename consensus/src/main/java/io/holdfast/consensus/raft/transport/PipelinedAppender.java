package io.holdfast.consensus.raft.transport;

import io.holdfast.consensus.raft.GroupMachine;
import java.io.IOException;
import java.util.Comparator;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.leader.FollowerInfo;
import org.apache.ratis.server.leader.LeaderState;
import org.apache.ratis.server.leader.LogAppenderBase;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.util.LifeCycle;
import org.apache.ratis.util.Timestamp;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Brings a leader's entries to one follower, several requests ahead of the answers. Unlike Ratis' own appender it has no
 * thread: something new, an answer or a due heartbeat asks for a step, and steps run one at a time on threads that all
 * appenders of the node share.
 *
 * <p>When a request is lost, everything after it is sent again, from the entry before the first that is unanswered; the
 * follower skips what it has. A success counts whenever it comes: it says what the follower holds, in this term.
 */
final class PipelinedAppender extends LogAppenderBase {
    private static final Logger LOG = LoggerFactory.getLogger(PipelinedAppender.class);
    private static final int DATA_REQUESTS_MAX = 32;
    private static final int QUICK_RETRIES = 20;
    private static final long QUICK_RETRY_MS = 10;
    private static final long LOOK_MS = 500;
    private static final long RETRY_MS = 100;

    private final RaftTransport transport;
    private final PeerLink link;
    private final Timestamp createdAt = Timestamp.currentTime();
    private final AtomicLong callIds = new AtomicLong();
    /** Steps asked for and not yet done; whoever raises it from 0 sees to it that they are. */
    private final AtomicInteger wanted = new AtomicInteger();
    /** What answers leave for the next step. */
    private final Queue<Runnable> events = new ConcurrentLinkedQueue<>();
    /** Requests with entries that are unanswered, by call. */
    private final Map<Long, Sent> data = new ConcurrentHashMap<>();
    /** Those that wait for the follower's word. */
    private final Set<Confirmation> confirmations = ConcurrentHashMap.newKeySet();

    private volatile boolean started;
    private volatile boolean stopped;
    /** Since the last error the follower has answered, so more than one request may be under way. Set by steps. */
    private volatile boolean answering;
    /** Entries wait until somebody else has them. Set by steps. */
    private volatile boolean heldBack;
    /** Timer thread. */
    private Timestamp lookedAt = Timestamp.currentTime();
    // The rest is touched by steps only.
    /** Raised when what is under way no longer counts, except for successes. */
    private int generation;

    private int errors;
    private boolean pausing;
    private final NewcomersFirst newcomersFirst = new NewcomersFirst();
    private boolean awaitingLink;
    private boolean installing;

    /** A request under way. {@code previousIndex} is of the entry before its first. */
    private record Sent(int generation, long previousIndex, long firstIndex, Timestamp at) {}

    /** Wants an answer, in this term, to this call or a later one. */
    private record Confirmation(long term, long call, CompletableFuture<Void> answer) {}

    PipelinedAppender(
            RaftServer.Division division, LeaderState leader, FollowerInfo follower, RaftTransport transport) {
        super(division, leader, follower);
        this.transport = transport;
        this.link = transport.link(follower.getPeer());
    }

    @Override
    public void start() {
        started = true;
        transport.register(this);
        notifyLogAppender();
    }

    @Override
    public boolean isRunning() {
        return started
                && !stopped
                && getServer().getInfo().isAlive()
                && getServer().getInfo().isLeader()
                && getRaftLog().isOpened();
    }

    @Override
    public CompletableFuture<LifeCycle.State> stopAsync() {
        stopped = true;
        transport.unregister(this);
        failConfirmations();
        return super.stopAsync();
    }

    @Override
    public void run() {
        throw new UnsupportedOperationException("this appender has no thread to run on");
    }

    @Override
    public long getCallId() {
        return callIds.get();
    }

    @Override
    public Comparator<Long> getCallIdComparator() {
        return Comparator.naturalOrder();
    }

    @Override
    public boolean hasPendingDataRequests() {
        return !data.isEmpty();
    }

    /**
     * Completes when the follower has answered, in this term, a request that was sent after this was called; fails when
     * the appender stops. Any thread.
     */
    CompletableFuture<Void> confirm(long term) {
        Confirmation confirmation = new Confirmation(term, callIds.get(), new CompletableFuture<>());
        confirmations.add(confirmation);
        confirmation.answer.whenComplete((ok, failure) -> confirmations.remove(confirmation));
        if (stopped) {
            failConfirmations();
        }
        triggerHeartbeat();
        return confirmation.answer;
    }

    private void failConfirmations() {
        confirmations.forEach(one -> one.answer.completeExceptionally(new IOException("not leader any more")));
    }

    private void confirmed(long term, long call) {
        for (Confirmation one : confirmations) {
            if (one.term == term && one.call <= call) {
                one.answer.complete(null);
            }
        }
    }

    /**
     * Asks for a heartbeat if one is due, or if the follower does not know the last commit and there is nothing under way
     * to tell it with: its readers wait for that. Timer thread.
     */
    void tick() {
        lookAtNewcomer();
        if (data.isEmpty() && getFollower().getCommitIndex() < getRaftLog().getLastCommittedIndex()) {
            triggerHeartbeat();
        } else if (heldBack || getHeartbeatWaitTimeMs() <= 0) {
            notifyLogAppender();
        }
    }

    /** Whether the follower has answered in this time, or has not had as long for it. */
    boolean hasHeardFor(long millis) {
        return Math.min(getFollower().getLastRpcResponseTime().elapsedTimeMs(), createdAt.elapsedTimeMs()) <= millis;
    }

    /**
     * Lets the leader see whether a member that is to be added has caught up, or does not answer. By itself it looks only
     * when nothing else happens in the group, which under load is never: a change of members with a newcomer that has
     * died would then never end.
     */
    private void lookAtNewcomer() {
        if (lookedAt.elapsedTimeMs() > LOOK_MS && getLeaderState().isFollowerBootstrapping(getFollower())) {
            lookedAt = Timestamp.currentTime();
            getLeaderState().onFollowerSuccessAppendEntries(getFollower());
        }
    }

    @Override
    public void notifyLogAppender() {
        if (stopped || wanted.getAndIncrement() != 0) {
            return;
        }
        if (isSimple()) {
            steps();
            return;
        }
        try {
            transport.execute(this::steps);
        } catch (RejectedExecutionException e) {
            LOG.debug("{}: the transport has stopped", this);
        }
    }

    /**
     * Whether there is just the newest entry to send, which is in memory, and nothing else to do: then the thread that
     * proposed it sends it, and nobody has to be woken.
     */
    private boolean isSimple() {
        return started
                && !pausing
                && !installing
                && events.isEmpty()
                && data.isEmpty()
                && getFollower().getNextIndex() + 1 == getRaftLog().getNextIndex();
    }

    private void leave(Runnable event) {
        events.add(event);
        notifyLogAppender();
    }

    private void steps() {
        int done = wanted.get();
        do {
            try {
                step();
            } catch (IOException | RuntimeException e) {
                if (isRunning()) { // else it lost office in the middle
                    LOG.warn("{}: {}", this, e.toString(), e);
                    failed();
                }
            }
            done = wanted.addAndGet(-done);
        } while (done != 0);
    }

    private void step() throws IOException {
        for (Runnable event = events.poll(); event != null; event = events.poll()) {
            event.run();
        }
        while (isRunning() && !pausing && shouldSendAppendEntries()) {
            if (!link.isReady()) {
                awaitLink();
                return;
            }
            TermIndex firstAvailable = installing ? null : firstInLog();
            if (firstAvailable == null && !installing) {
                firstAvailable = firstWithPayload();
            }
            if (firstAvailable != null) {
                notifyInstall(firstAvailable);
            }
            heldBack = isHeldBack();
            boolean dataMayGo = !installing && !heldBack && data.size() < (answering ? DATA_REQUESTS_MAX : 1);
            boolean heartbeat = getHeartbeatWaitTimeMs() <= 0;
            if (!dataMayGo && !heartbeat) {
                return;
            }
            if (heartbeat) {
                resetHeartbeatTrigger(); // before it has a number: who wants one later gets another
            }
            long call = callIds.getAndIncrement();
            AppendEntriesRequestProto request = newAppendEntriesRequest(call, heartbeat);
            if (request == null) {
                return;
            }
            send(call, request);
        }
    }

    private boolean isHeldBack() {
        return newcomersFirst.holdBack(
                getServer().getRaftConf(),
                getFollowerId(),
                getFollower().getNextIndex(),
                member -> transport.matchIndex(getServer().getMemberId().getGroupId(), member),
                getServer().getId(),
                createdAt.elapsedTimeMs());
    }

    private void awaitLink() {
        if (!awaitingLink) {
            awaitingLink = true;
            link.whenReady(() -> leave(() -> awaitingLink = false));
        }
    }

    private void send(long call, AppendEntriesRequestProto request) {
        int entries = request.getEntriesCount();
        Sent sent = new Sent(
                generation,
                request.hasPreviousLog() ? request.getPreviousLog().getIndex() : RaftLog.INVALID_LOG_INDEX,
                entries > 0 ? request.getEntries(0).getIndex() : RaftLog.INVALID_LOG_INDEX,
                Timestamp.currentTime());
        if (entries > 0) {
            data.put(call, sent);
            getFollower().updateNextIndex(request.getEntries(entries - 1).getIndex() + 1);
        }
        getFollower().updateLastRpcSendTime(entries == 0);
        link.send(Frame.Kind.APPEND, request, AppendEntriesReplyProto.parser()).whenComplete((reply, failure) -> {
            if (failure != null) {
                leave(() -> lost(call, sent, failure));
            } else {
                answered(call, sent, reply);
            }
        });
    }

    /** On an event loop. */
    private void answered(long call, Sent sent, AppendEntriesReplyProto reply) {
        FollowerInfo follower = getFollower();
        follower.updateLastRespondedAppendEntriesSendTime(sent.at);
        follower.updateLastRpcResponseTime();
        boolean severalUnderWay = data.size() > 1;
        switch (reply.getResult()) {
            case SUCCESS -> {
                data.remove(call);
                getLeaderState().onFollowerCommitIndex(follower, reply.getFollowerCommit());
                if (follower.updateMatchIndex(reply.getMatchIndex())) {
                    follower.updateNextIndex(reply.getMatchIndex() + 1);
                    getLeaderState().onFollowerSuccessAppendEntries(follower);
                }
                if (!answering) {
                    events.add(this::isAnswering);
                }
            }
            case NOT_LEADER ->
                leave(() -> {
                    data.remove(call);
                    onFollowerTerm(reply.getTerm());
                });
            case INCONSISTENCY -> leave(() -> inconsistent(call, sent, reply));
            default -> LOG.warn("{}: an answer of a later version, {}", this, reply.getResult());
        }
        if (reply.getResult() != AppendEntriesReplyProto.AppendResult.NOT_LEADER) {
            confirmed(reply.getTerm(), call);
        }
        getLeaderState().onAppendEntriesReply(this, reply);
        if (!events.isEmpty() || severalUnderWay || hasAppendEntries()) {
            notifyLogAppender();
        }
    }

    private void isAnswering() {
        answering = true;
        errors = 0;
    }

    private void inconsistent(long call, Sent sent, AppendEntriesReplyProto reply) {
        data.remove(call);
        isAnswering();
        if (sent.generation == generation) {
            LOG.info("{}: the follower wants entry {} next", this, reply.getNextIndex());
            startOver();
            getFollower().setNextIndex(getNextIndexForInconsistency(sent.firstIndex, reply.getNextIndex()));
            if (reply.getNextIndex() == sent.previousIndex + 1 && !installing) {
                askAboutInstall();
            }
        }
    }

    /**
     * The follower has all that comes before what it refuses: it was told to install a checkpoint, and takes no entries until
     * it is asked how that went. Whoever told it may since have learned that it needs none, or be no leader any more, and
     * would never ask.
     */
    private void askAboutInstall() {
        TermIndex last = getRaftLog().getLastEntryTermIndex();
        if (last != null) {
            notifyInstall(last);
        }
    }

    private void lost(long call, Sent sent, Throwable failure) {
        LOG.debug("{}: request {} failed: {}", this, call, failure.getMessage());
        if (sent.generation == generation) {
            failed();
        } else {
            data.remove(call);
        }
    }

    /** Sends again from the first entry that is unanswered, after a pause. */
    private void failed() {
        long previous = Long.MAX_VALUE;
        for (Sent one : data.values()) {
            previous = Math.min(previous, one.previousIndex);
        }
        boolean hadData = !data.isEmpty();
        startOver();
        if (hadData) {
            getFollower().computeNextIndex(getNextIndexForError(previous + 1));
        }
        answering = false;
        errors++;
        pause(errors < QUICK_RETRIES ? QUICK_RETRY_MS : RETRY_MS);
    }

    private void startOver() {
        generation++;
        data.clear();
    }

    private void pause(long millis) {
        pausing = true;
        transport.schedule(() -> leave(() -> pausing = false), millis);
    }

    // ---- a follower that needs more than the log has

    /** Null if there is all that the follower needs next, else what it may get after a checkpoint. */
    private @Nullable TermIndex firstWithPayload() {
        long from = payloadsFrom();
        if (getFollower().getNextIndex() >= from) {
            return null;
        }
        return entry(from);
    }

    /** One of the log, or the next that it will have. */
    private TermIndex entry(long index) {
        TermIndex there = getRaftLog().getTermIndex(index);
        return there != null ? there : TermIndex.valueOf(getServer().getInfo().getCurrentTerm(), index);
    }

    /**
     * Null if the log has all that the follower needs next, else what it begins with. If that is just what the follower needs,
     * nobody knows the term of what comes before it, which an append must name. Told of the first entry, the follower says
     * that it has all that comes before, for ever (Ratis 3.3); told of the second it copies a checkpoint.
     */
    private @Nullable TermIndex firstInLog() {
        TermIndex first = shouldNotifyToInstallSnapshot();
        boolean isNextOfFollower = first != null
                && first.getIndex() > RaftLog.LEAST_VALID_LOG_INDEX
                && first.getIndex() == getFollower().getNextIndex();
        return isNextOfFollower && getPrevious(first.getIndex()) == null ? entry(first.getIndex() + 1) : first;
    }

    private long payloadsFrom() {
        return getServer().getStateMachine() instanceof GroupMachine machine ? machine.payloadsFrom() : 0;
    }

    private void notifyInstall(TermIndex firstAvailable) {
        installing = true;
        getFollower().updateLastRpcSendTime(false);
        link.send(
                        Frame.Kind.INSTALL,
                        newInstallSnapshotNotificationRequest(firstAvailable),
                        InstallSnapshotReplyProto.parser())
                .whenComplete((reply, failure) -> leave(() -> {
                    installing = false;
                    if (failure == null) {
                        installed(reply);
                    } else {
                        failed();
                    }
                }));
    }

    private void installed(InstallSnapshotReplyProto reply) {
        FollowerInfo follower = getFollower();
        follower.updateLastRpcResponseTime();
        isAnswering();
        switch (reply.getResult()) {
            case SUCCESS, SNAPSHOT_UNAVAILABLE -> {
                follower.setAttemptedToInstallSnapshot();
                if (follower.getNextIndex()
                        < payloadsFrom()) { // it has applied as much, and only its answers were lost
                    follower.setNextIndex(payloadsFrom());
                }
            }
            case IN_PROGRESS -> pause(RETRY_MS);
            case ALREADY_INSTALLED, SNAPSHOT_INSTALLED -> {
                long index = reply.getSnapshotIndex();
                LOG.info("{}: the follower has a checkpoint of {}", this, index);
                startOver();
                follower.setSnapshotIndex(index);
                follower.setAttemptedToInstallSnapshot();
                getLeaderState().onFollowerCommitIndex(follower, index);
                follower.updateNextIndex(index + 1);
            }
            case NOT_LEADER -> onFollowerTerm(reply.getTerm());
            default -> {
                LOG.warn("{}: the follower does not install: {}", this, reply.getResult());
                pause(RETRY_MS);
            }
        }
    }
}
