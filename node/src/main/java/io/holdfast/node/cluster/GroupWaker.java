package io.holdfast.node.cluster;

import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.internal.v1.StandForElectionRequest;
import io.holdfast.internal.v1.StandForElectionResponse;
import io.holdfast.internal.v1.WakeGroupsRequest;
import io.holdfast.internal.v1.WokenGroup;
import io.holdfast.v1.ErrorReason;
import java.io.IOException;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Wakes groups: opens the replica of this node, asks the other members to open theirs, and has the one whose log reaches
 * farthest stand for election; the first in the order of placement among equals. No timeout passes. A few at a time, by
 * {@link WakePace}; the others wait in order. Any thread.
 */
final class GroupWaker {
    private static final long ANSWER_MS = 1_000;
    private static final long WAKE_MS = 5_000;
    private static final long AGAIN_MS = 50;
    private static final long ELECTION_MS = 400;

    private final LocalReplicas replicas;
    private final ClusterState state;
    private final NodeChannels channels;
    private final Executor openers;
    private final ScheduledExecutorService timer;
    private final Map<GroupId, CompletableFuture<Void>> waking = new ConcurrentHashMap<>();
    private final Queue<Waking> waiting = new ConcurrentLinkedQueue<>();
    private final WakePace pace = new WakePace();

    /** @param openers several threads, for opening and closing */
    GroupWaker(
            LocalReplicas replicas,
            ClusterState state,
            NodeChannels channels,
            Executor openers,
            ScheduledExecutorService timer) {
        this.replicas = replicas;
        this.state = state;
        this.channels = channels;
        this.openers = openers;
        this.timer = timer;
    }

    /** Completes when a leader is known; with a {@link Refusal} if the replica cannot be opened, or none is found. */
    CompletableFuture<Void> wake(PartitionReplica replica) {
        GroupId group = replica.group().group();
        CompletableFuture<Void> mine = new CompletableFuture<>();
        CompletableFuture<Void> running = waking.putIfAbsent(group, mine);
        if (running != null) {
            return running;
        }
        mine.whenComplete((ok, failure) -> waking.remove(group, mine));
        waiting.add(new Waking(replica, mine));
        startWaiting();
        return mine;
    }

    private void startWaiting() {
        while (!waiting.isEmpty() && pace.begins()) {
            Waking next = waiting.poll();
            if (next == null || next.done.isDone()) { // or somebody else has woken it
                pace.ended(0, 0, false);
            } else {
                next.start();
            }
        }
    }

    /** A leader of a group is known. */
    void awake(GroupId group) {
        CompletableFuture<Void> done = waking.get(group);
        if (done != null) {
            done.complete(null);
        }
    }

    boolean isWaking(GroupId group) {
        return waking.containsKey(group);
    }

    int count() {
        return waking.size();
    }

    Set<Integer> otherNodes(List<Peer> members) {
        Set<Integer> nodes = new LinkedHashSet<>();
        members.forEach(member -> nodes.add(member.nodeId()));
        nodes.remove(state.nodeId());
        return nodes;
    }

    /** Asks a node to open its replicas of these groups. */
    CompletableFuture<List<WokenGroup>> ask(int node, List<GroupId> groups) {
        WakeGroupsRequest.Builder request = WakeGroupsRequest.newBuilder();
        groups.forEach(group -> request.addGroupIds(UnsafeByteOperations.unsafeWrap(group.bytes())));
        String address = state.apiAddress(node);
        if (address.isEmpty()) {
            return CompletableFuture.failedFuture(new IOException("no address of node " + node + " is known"));
        }
        return channels.ask(address, ANSWER_MS, stub -> stub.wakeGroups(request.build()))
                .thenApply(answer -> answer.getGroupsList());
    }

    private static Refusal noLeader() {
        return Refusal.later(
                ErrorReason.ERROR_REASON_UNAVAILABLE,
                "try again in a moment: the partition was at rest and has not found a leader yet",
                Duration.ofMillis(AGAIN_MS));
    }

    /** The waking of one group, from this node. */
    private final class Waking {
        private final PartitionReplica replica;
        private final RaftGroupHandle handle;
        private final CompletableFuture<Void> done;
        /** Nodes of other members that do not answer, as it begins. */
        private long down;

        Waking(PartitionReplica replica, CompletableFuture<Void> done) {
            this.replica = replica;
            this.handle = replica.group();
            this.done = done;
        }

        void start() {
            long began = System.nanoTime();
            down = otherNodes(handle.members()).stream().filter(state::isDown).count();
            var late = timer.schedule(() -> done.completeExceptionally(noLeader()), WAKE_MS, TimeUnit.MILLISECONDS);
            done.whenComplete((ok, failure) -> {
                late.cancel(false);
                pace.ended(began, System.nanoTime(), down == 0 && !isRefusedHere(failure));
                startWaiting();
            });
            openers.execute(this::open);
        }

        /** Whether this node would or could not open its replica, however much time it has. */
        private boolean isRefusedHere(@Nullable Throwable failure) {
            return failure instanceof Refusal refusal && refusal.reason() != ErrorReason.ERROR_REASON_UNAVAILABLE;
        }

        private void open() {
            if (2 * down >= handle.members().size()) {
                done.completeExceptionally(noLeader()); // it would be in vain, and others wait
                return;
            }
            try {
                replicas.open(replica, false);
            } catch (Refusal e) {
                done.completeExceptionally(e);
                return;
            } catch (IOException e) {
                otherNodes(handle.members())
                        .forEach(node -> ask(node, List.of(handle.group()))
                                .exceptionally(failure -> List.of())); // they will find a leader among them
                done.completeExceptionally(Refusal.of(
                        ErrorReason.ERROR_REASON_DATA_DAMAGED,
                        "ask another replica: this one cannot be opened: " + e.getMessage()));
                return;
            }
            if (replica.isSettled()) {
                done.complete(null);
            } else {
                askOthers();
            }
        }

        private void askOthers() {
            Map<Integer, CompletableFuture<@Nullable WokenGroup>> answers = new HashMap<>();
            for (int node : otherNodes(handle.members())) {
                answers.put(node, ask(node, List.of(handle.group())).thenApply(woken -> woken.get(0)));
            }
            CompletableFuture.allOf(answers.values().toArray(CompletableFuture[]::new))
                    .whenComplete((ok, failure) -> {
                        Map<Integer, WokenGroup> open = new HashMap<>();
                        answers.forEach((node, answer) -> {
                            WokenGroup woken = answer.isCompletedExceptionally() ? null : answer.join();
                            if (woken != null && woken.getOpen()) {
                                open.put(node, woken);
                            }
                        });
                        elect(open);
                    });
        }

        private void elect(Map<Integer, WokenGroup> others) {
            if (done.isDone()) {
                return;
            }
            boolean led = others.values().stream().anyMatch(other -> other.getLeaderNode() != 0);
            boolean majority = 2 * (others.size() + 1) > handle.members().size();
            if (led || !majority || !handle.isMember()) {
                again(led ? ELECTION_MS : AGAIN_MS);
                return;
            }
            Map<Integer, LogEnd> ends = new HashMap<>();
            others.forEach((node, other) -> ends.put(node, LocalReplicas.logEnd(other.getLastEntry())));
            ends.put(state.nodeId(), handle.logEnd());
            List<Integer> order = state.placement(handle.group());
            int best = ends.keySet().stream()
                    .max(Comparator.comparing((Integer node) -> ends.getOrDefault(node, LogEnd.NONE))
                            .thenComparing(node -> -Math.floorMod(order.indexOf(node), Integer.MAX_VALUE)))
                    .orElse(state.nodeId());
            if (best == state.nodeId()) {
                openers.execute(handle::elect);
            } else {
                askToStand(best);
            }
            again(ELECTION_MS);
        }

        private void askToStand(int node) {
            StandForElectionRequest request = StandForElectionRequest.newBuilder()
                    .setGroupId(UnsafeByteOperations.unsafeWrap(handle.group().bytes()))
                    .build();
            channels.ask(state.apiAddress(node), ANSWER_MS, stub -> stub.standForElection(request))
                    .exceptionally(e -> StandForElectionResponse.getDefaultInstance());
        }

        private void again(long delayMs) {
            timer.schedule(
                    () -> {
                        if (!done.isDone()) {
                            askOthers();
                        }
                    },
                    delayMs,
                    TimeUnit.MILLISECONDS);
        }
    }
}
