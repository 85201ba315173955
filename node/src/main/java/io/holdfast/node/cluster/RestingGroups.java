package io.holdfast.node.cluster;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.internal.v1.RestGroupRequest;
import io.holdfast.internal.v1.WokenGroup;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Lets groups rest in which nothing happens, and wakes them.
 *
 * <p><b>Rest.</b> The leader of an idle group asks each other member to close its replica; a member does if it has
 * exactly what the leader has, committed and applied. When all do, the leader closes too. A closed replica is for Raft a
 * stopped one, so nothing here can hurt safety. Since all members have the same log, there is nobody to catch up.
 *
 * <p><b>Wake.</b> Whoever needs the group open asks the {@link GroupWaker}.
 *
 * <p>Level-triggered beyond that: a leader wakes the nodes of members it hears nothing of, a replica that finds no leader
 * wakes its group again, and one whose members should be others wakes to have that changed.
 *
 * <p>Any thread; blocking work is done on the openers.
 */
public final class RestingGroups implements PartitionReplica.Waker {
    private static final Logger LOG = LoggerFactory.getLogger(RestingGroups.class);
    private static final long ANSWER_MS = 1_000;
    private static final long LEADERLESS_NANOS = 2_000_000_000L;
    private static final long WAKE_AGAIN_NANOS = 2_000_000_000L;
    private static final int RESTS_MAX = 32;
    /** From this load on groups rest sooner, to make room. */
    private static final double CROWDED = 0.8;

    private static final long CROWDED_REST_NANOS = 2_000_000_000L;
    /** A group without a leader for so long, and as long again at most, makes room if it is scarce. */
    private static final long GIVE_UP_NANOS = 10_000_000_000L;

    private static final int WAKES_FOR_MEMBERS_MAX = 16;

    private final LocalReplicas replicas;
    private final ClusterState state;
    private final NodeChannels channels;
    private final RestConfirmations confirmations;
    private final GroupWaker waker;
    private final Executor openers;
    private final long restAfterNanos;
    private final Set<GroupId> goingToRest = ConcurrentHashMap.newKeySet();
    // The reconciler's.
    private final Map<GroupId, Long> leaderlessSince = new HashMap<>();
    private final Map<GroupId, Long> hopelessAt = new HashMap<>();
    private final Map<GroupId, Long> wokenAt = new HashMap<>();
    private final Map<Integer, Set<GroupId>> toWake = new HashMap<>();

    /**
     * @param replicas makes the replicas that this one wakes and puts to rest
     * @param openers several threads, for opening and closing
     * @param restAfter idle time; zero for never
     */
    public RestingGroups(
            Function<PartitionReplica.Waker, LocalReplicas> replicas,
            ClusterState state,
            NodeChannels channels,
            Executor openers,
            ScheduledExecutorService timer,
            Duration restAfter) {
        this.replicas = replicas.apply(this);
        this.state = state;
        this.channels = channels;
        this.confirmations = new RestConfirmations(state, channels);
        this.openers = openers;
        this.waker = new GroupWaker(this.replicas, state, channels, this::run, timer);
        this.restAfterNanos = restAfter.toNanos();
    }

    public LocalReplicas replicas() {
        return replicas;
    }

    // ---- wake

    @Override
    public CompletableFuture<Void> wake(PartitionReplica replica) {
        return waker.wake(replica);
    }

    @Override
    public CompletableFuture<Boolean> confirmRest(PartitionReplica replica) {
        return confirmations.confirm(replica);
    }

    /** A leader of a group is known. Any thread. */
    public void onLeader(GroupId group, int node) {
        PartitionReplica replica = state.replica(group);
        if (replica != null && node != state.nodeId()) {
            replica.follows();
            waker.awake(group);
        }
    }

    /** This node leads a group, and takes writes. Any thread. */
    public void onLeading(GroupId group) {
        PartitionReplica replica = state.replica(group);
        if (replica != null) {
            replica.leads();
            waker.awake(group);
        }
    }

    /** A peer wants this node's replica open. */
    public CompletableFuture<WokenGroup> onWake(GroupId group) {
        PartitionReplica replica = state.replica(group);
        if (replica == null) {
            return CompletableFuture.completedFuture(WokenGroup.getDefaultInstance());
        }
        CompletableFuture<WokenGroup> result = new CompletableFuture<>();
        run(() -> {
            try {
                replicas.open(replica, true);
                result.complete(WokenGroup.newBuilder()
                        .setOpen(replica.isOpen())
                        .setLeaderNode(replica.group().leaderNode())
                        .setLastEntry(LocalReplicas.lastEntry(replica.group().logEnd()))
                        .build());
            } catch (IOException | RuntimeException e) {
                LOG.debug("{} does not wake: {}", group, e.getMessage());
                result.complete(WokenGroup.getDefaultInstance());
            }
        });
        return result;
    }

    /** A peer thinks that this node's replica should lead. */
    public void onStand(GroupId group) {
        PartitionReplica replica = state.replica(group);
        if (replica != null) {
            run(() -> replica.group().elect());
        }
    }

    // ---- rest

    /** A leader wants to rest, and asks whether this member can. */
    public boolean onRest(GroupId group, long term, LogEnd end) {
        PartitionReplica replica = state.replica(group);
        if (replica == null || waker.isWaking(group) || !mayRest(replica, term, end) || !goingToRest.add(group)) {
            return false;
        }
        run(() -> {
            try {
                synchronized (replica) {
                    if (!waker.isWaking(group) && mayRest(replica, term, end)) {
                        replicas.rest(replica);
                    }
                }
            } catch (IOException | RuntimeException e) {
                LOG.warn("{} does not rest: {}", group, e.getMessage());
            } finally {
                goingToRest.remove(group);
            }
        });
        return true;
    }

    private static boolean mayRest(PartitionReplica replica, long term, LogEnd end) {
        RaftGroupHandle handle = replica.group();
        return replica.isOpen()
                && replica.damage() == null
                && !handle.isLeader()
                && handle.isMember()
                && handle.term() == term
                && handle.appliedIndex() == end.index()
                && handle.logEnd().equals(end);
    }

    private void restAsLeader(PartitionReplica replica) {
        RaftGroupHandle handle = replica.group();
        GroupId group = handle.group();
        if (!replica.pause()) {
            return;
        }
        LogEnd end = handle.logEnd();
        if (!handle.isAtPeace() || !goingToRest.add(group)) {
            replica.resume();
            return;
        }
        List<CompletableFuture<Boolean>> answers = new ArrayList<>();
        for (int node : waker.otherNodes(handle.members())) {
            answers.add(askToRest(node, group, handle.term(), end));
        }
        CompletableFuture.allOf(answers.toArray(CompletableFuture[]::new)).whenComplete((ok, failure) -> {
            boolean all = failure == null && answers.stream().allMatch(CompletableFuture::join);
            run(() -> close(replica, all, end));
        });
    }

    private CompletableFuture<Boolean> askToRest(int node, GroupId group, long term, LogEnd end) {
        RestGroupRequest request = RestGroupRequest.newBuilder()
                .setGroupId(UnsafeByteOperations.unsafeWrap(group.bytes()))
                .setTerm(term)
                .setLastEntry(LocalReplicas.lastEntry(end))
                .build();
        return channels.ask(state.apiAddress(node), ANSWER_MS, stub -> stub.restGroup(request))
                .thenApply(answer -> answer.getRests());
    }

    /** The leader closes last; if somebody came meanwhile, or a member would not, it stays and wakes the others. */
    private void close(PartitionReplica replica, boolean allRest, LogEnd end) {
        RaftGroupHandle handle = replica.group();
        try {
            synchronized (replica) {
                if (allRest
                        && !replica.hasWaiting()
                        && handle.isLeader()
                        && handle.logEnd().equals(end)) {
                    replicas.rest(replica);
                    LOG.debug("{} rests at {}", handle.group(), end);
                } else {
                    replica.resume();
                }
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("{} does not rest: {}", handle.group(), e.getMessage());
            replica.resume();
        } finally {
            goingToRest.remove(handle.group());
        }
        if (!replica.isOpen() && replica.hasWaiting()) {
            replica.awake();
        }
    }

    // ---- level-triggered, by the reconciler

    /** To be called for each replica every now and then. */
    void watch(PartitionReplica replica, Wanted wanted) {
        RaftGroupHandle handle = replica.group();
        GroupId group = handle.group();
        long now = System.nanoTime();
        if (!replica.isOpen()) {
            leaderlessSince.remove(group);
            hopelessAt.remove(group);
            watchResting(replica, wanted);
            return;
        }
        if (handle.leaderNode() == 0) {
            long hopeless = hopelessAt.computeIfAbsent(
                    group,
                    g -> now + GIVE_UP_NANOS + ThreadLocalRandom.current().nextLong(GIVE_UP_NANOS));
            if (now > hopeless && replicas.openLoad() >= CROWDED && goingToRest.add(group)) {
                hopelessAt.remove(group);
                run(() -> giveUp(replica));
            }
            if (now - leaderlessSince.computeIfAbsent(group, g -> now) > LEADERLESS_NANOS) {
                leaderlessSince.put(group, now);
                wakeOthersLater(group, waker.otherNodes(handle.members()), now);
            }
            return;
        }
        leaderlessSince.remove(group);
        hopelessAt.remove(group);
        if (!handle.isReadyLeader()) {
            return;
        }
        Set<Integer> missing = new HashSet<>(handle.silentMembers());
        if (!wanted.isMembers(handle.members())) {
            missing.addAll(waker.otherNodes(wanted.members()));
        }
        if (!missing.isEmpty()) {
            wakeOthersLater(group, missing, now);
        } else if (wanted.isReached(handle.members())
                && restAfterNanos > 0
                && replica.idleNanos() > restAfter()
                && replica.damage() == null
                && goingToRest.size() < RESTS_MAX) {
            restAsLeader(replica);
        }
    }

    /**
     * Nodes that are full may each have opened other groups, or other members of them, so that none has a majority: they would
     * stay without a leader, and in the way of those that could have one, for ever.
     */
    private void giveUp(PartitionReplica replica) {
        RaftGroupHandle handle = replica.group();
        try {
            synchronized (replica) {
                LogEnd end = handle.logEnd();
                if (replica.isOpen()
                        && handle.leaderNode() == 0
                        && (end.equals(LogEnd.NONE) || handle.appliedIndex() == end.index())) {
                    replicas.rest(replica);
                    LOG.info("{} found no leader, and makes room for others", handle.group());
                }
            }
        } catch (IOException | RuntimeException e) {
            LOG.warn("{} does not rest: {}", handle.group(), e.getMessage());
        } finally {
            goingToRest.remove(handle.group());
        }
    }

    private long restAfter() {
        return replicas.openLoad() < CROWDED ? restAfterNanos : Math.min(restAfterNanos, CROWDED_REST_NANOS);
    }

    private void watchResting(PartitionReplica replica, Wanted wanted) {
        try {
            replica.closeIfUnused(restAfterNanos);
        } catch (IOException e) {
            LOG.warn("{}: files at rest cannot be closed: {}", replica.group().group(), e.getMessage());
        }
        List<Peer> members = replica.group().members();
        if (!wanted.members().isEmpty()
                && replica.damage() == null
                && !wanted.isReached(members)
                && isMineToWake(wanted, members)
                && waker.count() < WAKES_FOR_MEMBERS_MAX) {
            wake(replica);
        }
    }

    /**
     * One node sees to it: of those that are members, and shall be, the first that is up, in the order of placement; or
     * the first of all. Under another incarnation a node is no member.
     */
    private boolean isMineToWake(Wanted wanted, List<Peer> members) {
        Set<String> names = Peer.names(members);
        List<Peer> order = new ArrayList<>(wanted.members());
        order.removeIf(peer -> !names.contains(peer.name()));
        order.addAll(members);
        return order.stream()
                .filter(peer -> !state.isDown(peer.nodeId()))
                .findFirst()
                .filter(peer -> peer.nodeId() == state.nodeId())
                .isPresent();
    }

    private void wakeOthersLater(GroupId group, Set<Integer> nodes, long now) {
        Long before = wokenAt.get(group);
        if (before == null || now - before > WAKE_AGAIN_NANOS) {
            wokenAt.put(group, now);
            nodes.forEach(node ->
                    toWake.computeIfAbsent(node, n -> new LinkedHashSet<>()).add(group));
        }
    }

    /** Sends what {@link #watch} has found to be needed, one message per node. */
    void wakeNeighbours() {
        toWake.forEach((node, groups) -> {
            if (!state.isDown(node)) {
                waker.ask(node, List.copyOf(groups)).exceptionally(e -> List.of());
            }
        });
        toWake.clear();
        wokenAt.keySet().retainAll(state.replicas().keySet());
        hopelessAt.keySet().retainAll(state.replicas().keySet());
    }

    private void run(Runnable task) {
        try {
            openers.execute(task);
        } catch (RejectedExecutionException e) {
            LOG.debug("stopping");
        }
    }
}
