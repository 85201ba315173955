package io.holdfast.consensus.stream;

import io.holdfast.consensus.Rates;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.stream.Sessions.MemberName;
import io.holdfast.internal.v1.OwnedPartition;
import io.holdfast.internal.v1.StreamAssign;
import io.holdfast.internal.v1.StreamCommit;
import io.holdfast.internal.v1.StreamCreate;
import io.holdfast.internal.v1.StreamDelete;
import io.holdfast.internal.v1.StreamLeave;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamResult;
import io.holdfast.internal.v1.StreamSeek;
import io.holdfast.internal.v1.StreamTopics;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.HeartbeatRequest;
import io.holdfast.v1.HeartbeatResponse;
import io.holdfast.v1.StreamConfig;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.LongAdder;

/**
 * The leader's side of a shard's stream groups: takes members' heartbeats, finds out who is gone, and has assigned what
 * there is to own. Any thread; decisions are made on the executor.
 *
 * <p>No partition has two owners: a member counts its session from when it sent a heartbeat, and stops by itself when it
 * is over; here it is counted from when the heartbeat came in, which is later, and only if it was confirmed after that
 * that this replica still leads. So whoever is declared gone here has stopped.
 */
public final class StreamCoordinator {
    private final StreamShard shard;
    private final Executor executor;
    private final StreamLane lane;
    private final Sessions sessions;
    private final Subscriptions subscriptions;
    private final TopicSource topics;
    private final HeartbeatWaiters waiters = new HeartbeatWaiters();
    private final Rates<GroupPartition> rates = new Rates<>();
    private final StreamViews views;
    private final LongAdder expelled = new LongAdder();
    private volatile boolean active;

    public StreamCoordinator(StreamShard shard, StreamResources resources) {
        this.shard = shard;
        executor = resources.executor();
        topics = resources.topics();
        lane = new StreamLane(shard, executor, this::applied);
        sessions = new Sessions(shard);
        subscriptions = new Subscriptions(topics);
        views = new StreamViews(shard, rates);
    }

    /** Where groups stand. */
    public StreamViews views() {
        return views;
    }

    // ---- what members ask for

    /** Answers when what the member owns has changed since it last saw, or its wait is over. */
    public CompletableFuture<HeartbeatResponse> heartbeat(HeartbeatRequest request, StreamConfig config, long waitMs) {
        Heartbeat heartbeat = new Heartbeat(request, config, sessions.nowMs(), System.nanoTime() + waitMs * 1_000_000);
        return shard.barrier().thenComposeAsync(ok -> step(heartbeat), executor);
    }

    private CompletableFuture<HeartbeatResponse> step(Heartbeat heartbeat) {
        if (!shard.leads()) {
            throw shard.notLeader();
        }
        StreamOperation needed = shard.ask(table -> heartbeat.needs(table, topics));
        if (needed != null) {
            return lane.change(table -> heartbeat.needs(table, topics)).thenCompose(result -> {
                if (result.getInstanceInUse()) {
                    throw Refusal.of(
                            ErrorReason.ERROR_REASON_INSTANCE_IN_USE,
                            "stop the other member, or wait for its session to end: instance id '"
                                    + heartbeat.request().getInstanceId() + "' is in use");
                }
                active = true;
                return step(heartbeat);
            });
        }
        sessions.heard(heartbeat.request().getGroup(), heartbeat.request().getMemberId(), heartbeat.receivedMs());
        HeartbeatResponse answer = shard.ask(heartbeat::answer);
        if (answer != null) {
            return CompletableFuture.completedFuture(answer);
        }
        CompletableFuture<Void> changed = waiters.await(heartbeat);
        if (shard.ask(heartbeat::answer) != null) { // it changed before the waiter was there
            changed.complete(null);
        }
        return changed.thenComposeAsync(ok -> step(heartbeat), executor);
    }

    /** Leaves; harmless if it has left already. */
    public CompletableFuture<Void> leave(String group, String member, boolean keepPlace) {
        return lane.change(table -> {
                    StreamGroupState state = table.state(group);
                    return state == null || state.member(member) == null
                            ? null
                            : operation(group)
                                    .setLeave(StreamLeave.newBuilder()
                                            .setMember(member)
                                            .setKeepPlace(keepPlace))
                                    .build();
                })
                .thenAccept(ok -> {});
    }

    /** @return for each ownership whether its offset was committed */
    public CompletableFuture<List<Boolean>> commit(String group, StreamCommit commit) {
        return lane.change(table -> operation(group).setCommit(commit).build()).thenApply(result -> {
            check(group, result);
            List<Boolean> committed = new ArrayList<>();
            Set<Integer> refused = new HashSet<>(result.getRefusedList());
            for (int i = 0; i < commit.getOwnershipsCount(); i++) {
                OwnedPartition owned = commit.getOwnerships(i);
                committed.add(!refused.contains(i));
                if (!refused.contains(i)) {
                    rates.reached(
                            new GroupPartition(group, new PartitionName(owned.getTopicId(), owned.getPartition())),
                            commit.getOffsets(i),
                            System.nanoTime());
                }
            }
            return committed;
        });
    }

    // ---- what operators ask for

    /** @return false if there was one already */
    public CompletableFuture<Boolean> create(String group, StreamConfig config) {
        return lane.change(table -> operation(group)
                        .setCreate(StreamCreate.newBuilder().setConfig(config).setNextTopicId(topics.nextTopicId()))
                        .build())
                .thenApply(result -> !result.getExists());
    }

    public CompletableFuture<Void> seek(String group, StreamSeek seek) {
        return lane.change(table -> operation(group).setSeek(seek).build()).thenAccept(result -> check(group, result));
    }

    public CompletableFuture<Void> delete(String group) {
        return lane.change(table -> operation(group)
                        .setDelete(StreamDelete.getDefaultInstance())
                        .build())
                .thenAccept(result -> {
                    check(group, result);
                    if (result.getHasMembers()) {
                        throw Refusal.of(
                                ErrorReason.ERROR_REASON_GROUP_NOT_EMPTY,
                                "stop the members of stream group '" + group + "' first");
                    }
                });
    }

    private static void check(String group, StreamResult result) {
        if (result.getUnknownGroup()) {
            throw StreamViews.notFound(group);
        }
    }

    private static StreamOperation.Builder operation(String group) {
        return StreamOperation.newBuilder().setGroup(group);
    }

    // ---- what follows from changes

    private void applied(Set<String> groups) {
        groups.forEach(waiters::wake);
        try {
            groups.forEach(this::follow);
        } catch (Refusal closedMeanwhile) {
            // The next leader goes on.
        }
    }

    /** Topics first, since targets are made of them. */
    private void follow(String group) {
        if (!shard.leads()) {
            return;
        }
        Object next = shard.ask(table -> {
            StreamGroupState state = table.state(group);
            StreamTopics changed = state == null ? null : subscriptions.change(state);
            return changed != null
                    ? changed
                    : state != null && state.isUnassigned() ? subscriptions.problem(state) : null;
        });
        if (next instanceof StreamTopics) {
            lane.change(table -> {
                StreamGroupState state = table.state(group);
                StreamTopics changed = state == null ? null : subscriptions.change(state);
                return changed == null
                        ? null
                        : operation(group).setTopics(changed).build();
            });
        } else if (next instanceof Subscriptions.Problem problem) {
            StreamAssign assign = problem.solve();
            lane.change(table -> {
                StreamGroupState state = table.state(group);
                return state == null || !state.isUnassigned() || state.epoch() != assign.getEpoch()
                        ? null
                        : operation(group).setAssign(assign).build();
            });
        }
    }

    // ---- leadership and time

    /** This replica leads from now on. */
    public void leads() {
        rates.clear();
        active = true; // the first tick finds out
    }

    /** It does not lead any more, or is closing. */
    public void follows(Refusal refusal) {
        active = false;
        lane.refuseWaiting(refusal);
        waiters.fail(refusal);
    }

    /** Members that this replica, as leader, has found gone or unwilling to let go. */
    public long expelled() {
        return expelled.sum();
    }

    /** Whether {@link #tick} has anything to do: as long as a group has members. */
    public boolean isActive() {
        return active;
    }

    /** To be called some times a second while {@link #isActive}: finds members that are gone, and topics that came. */
    public void tick() {
        if (!shard.leads()) {
            return;
        }
        List<String> groups = new ArrayList<>();
        Set<MemberName> members = new HashSet<>();
        List<MemberName> gone = new ArrayList<>();
        shard.ask(table -> {
            for (StreamGroupState state : table.states()) {
                Set<String> owing = state.owing();
                for (Member member : state.members()) {
                    members.add(new MemberName(state.name(), member.id()));
                    if (isGone(state, member.id(), owing)) {
                        gone.add(new MemberName(state.name(), member.id()));
                    }
                }
                if (!state.members().isEmpty() || state.isUnassigned()) {
                    groups.add(state.name());
                }
            }
            return null;
        });
        sessions.keepOnly(members);
        gone.forEach(this::expel);
        groups.forEach(this::follow);
        if (groups.isEmpty()) {
            active = false;
        }
    }

    private boolean isGone(StreamGroupState state, String member, Set<String> owing) {
        StreamConfig config = state.config();
        return sessions.silentMs(state.name(), member) > StreamConfigs.sessionMs(config)
                || sessions.owesMs(state.name(), member, owing.contains(member)) > StreamConfigs.rebalanceMs(config);
    }

    private void expel(MemberName name) {
        lane.change(table -> {
            StreamGroupState state = table.state(name.group());
            long term = sessions.term(); // before it is asked again who is gone: a later term would start anew
            if (state == null || state.member(name.member()) == null || !isGone(state, name.member(), state.owing())) {
                return null;
            }
            expelled.increment();
            return operation(name.group())
                    .setLeave(StreamLeave.newBuilder().setMember(name.member()).setTerm(term))
                    .build();
        });
    }
}
