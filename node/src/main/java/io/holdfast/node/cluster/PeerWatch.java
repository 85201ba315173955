package io.holdfast.node.cluster;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftGroupHandle.LogEnd;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.LastEntriesRequest;
import io.holdfast.internal.v1.LastEntriesResponse;
import io.holdfast.internal.v1.LastEntry;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeServiceGrpc;
import java.io.Closeable;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Notices at once when another node's process has died, and lets the groups that it led elect without waiting for their
 * timeouts.
 *
 * <p>When a process dies its kernel closes its connections, and refuses new ones. Both together are proof: a connection
 * that broke, and a port where nobody listens. A node that is paused or cut off gives no such proof; there the election
 * timeouts decide, which can therefore be long enough not to fire under load.
 *
 * <p>Only one survivor should stand, or they split the vote, and it must be one whose log has all that the others have,
 * or they refuse. So they ask each other how far their logs reach; the one with most stands at once, and among equals
 * the order differs from partition to partition, which spreads the leaders too. The others stand later, in turns, if
 * nobody has.
 */
public final class PeerWatch implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(PeerWatch.class);
    private static final long TURN_MS = 120;
    private static final long ASK_MS = 150;
    private static final long PING_MS = 1_000;

    private final NodeRow self;
    private final ClusterState state;
    private final MetadataReplica metadata;
    private final NodeChannels channels;
    private final Executor blocking;
    private final ScheduledExecutorService timer;
    private final Runnable onRemoved;
    private final Map<Integer, String> watched = new ConcurrentHashMap<>();
    private final Runnable watcher = this::watchAll;
    private volatile boolean closed;

    /** @param onRemoved is run when another node says that this one has been removed from the cluster */
    public PeerWatch(
            NodeRow self,
            ClusterState state,
            MetadataReplica metadata,
            NodeChannels channels,
            Executor blocking,
            ScheduledExecutorService timer,
            Runnable onRemoved) {
        this.self = self;
        this.onRemoved = onRemoved;
        this.state = state;
        this.metadata = metadata;
        this.channels = channels;
        this.blocking = blocking;
        this.timer = timer;
        state.watch(watcher);
        watchAll();
        timer.scheduleWithFixedDelay(this::ping, PING_MS, PING_MS, TimeUnit.MILLISECONDS);
    }

    /** A process that is paused keeps its connections. */
    private void ping() {
        watched.forEach((node, address) -> Calls.future(NodeServiceGrpc.newFutureStub(channels.to(address))
                        .withDeadlineAfter(PING_MS, TimeUnit.MILLISECONDS)
                        .hello(HelloRequest.newBuilder().setNode(self).build()))
                .whenComplete((answer, failure) -> {
                    if (failure == null && answer.getRemoved()) {
                        onRemoved.run();
                    }
                    if (watched.containsKey(node)) {
                        state.setDown(node, failure != null);
                        if (failure == null) {
                            state.damagedThere(node, groups(answer.getDamagedGroupIdsList()));
                        }
                    }
                }));
    }

    private static Set<GroupId> groups(List<ByteString> ids) {
        Set<GroupId> groups = new HashSet<>();
        ids.forEach(id -> groups.add(GroupId.of(id.toByteArray())));
        return groups;
    }

    private void watchAll() {
        if (state.image().clusterNodes().isRemoved(self)) {
            onRemoved.run();
        }
        watched.keySet().removeIf(node -> {
            boolean gone = !state.image().nodes().containsKey(node);
            if (gone) {
                state.setDown(node, false);
                state.damagedThere(node, Set.of());
            }
            return gone;
        });
        for (NodeRow node : state.image().nodes().values()) {
            if (node.getNodeId() != state.nodeId()
                    && !node.getApiAddress().equals(watched.put(node.getNodeId(), node.getApiAddress()))) {
                follow(node.getNodeId(), node.getApiAddress(), ConnectivityState.IDLE);
            }
        }
    }

    /** Keeps the connection up, and looks at every change of its state. */
    private void follow(int node, String address, ConnectivityState before) {
        if (closed || !address.equals(watched.get(node))) {
            return;
        }
        ManagedChannel channel = channels.to(address);
        ConnectivityState now = channel.getState(true);
        if (now == ConnectivityState.SHUTDOWN) {
            return;
        }
        if (now == ConnectivityState.READY) {
            state.setDown(node, false);
        }
        if (before == ConnectivityState.READY && now != ConnectivityState.READY) {
            run(() -> check(node, address));
        }
        channel.notifyWhenStateChanged(now, () -> follow(node, address, now));
    }

    private void check(int node, String address) {
        int colon = address.lastIndexOf(':');
        InetSocketAddress target =
                new InetSocketAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
        if (PortWatch.isDeserted(
                target, () -> closed || channels.to(address).getState(false) == ConnectivityState.READY)) {
            LOG.info("node {} has died: nobody listens at {}", node, address);
            state.setDown(node, true);
            electWithout(node);
        }
    }

    private void electWithout(int dead) {
        List<RaftGroupHandle> led = new ArrayList<>();
        if (metadata.group().leaderNode() == dead) {
            led.add(metadata.group());
        }
        state.replicas().values().forEach(replica -> {
            if (replica.group().leaderNode() == dead) {
                led.add(replica.group());
            }
        });
        if (led.isEmpty()) {
            return;
        }
        Map<Integer, LastEntriesResponse> others = askSurvivors(led, dead);
        for (int i = 0; i < led.size(); i++) {
            RaftGroupHandle group = led.get(i);
            if (isFirst(group, i, dead, others)) {
                group.electWithout(dead);
            } else {
                long turn = 1 + turn(group, state.nodeId(), dead);
                timer.schedule(() -> run(() -> group.electWithout(dead)), turn * TURN_MS, TimeUnit.MILLISECONDS);
            }
        }
    }

    /** Answers of those that answer in time, in the order of the groups. */
    private Map<Integer, LastEntriesResponse> askSurvivors(List<RaftGroupHandle> groups, int dead) {
        LastEntriesRequest.Builder request = LastEntriesRequest.newBuilder();
        groups.forEach(group -> request.addGroupIds(
                UnsafeByteOperations.unsafeWrap(group.group().bytes())));
        Map<Integer, CompletableFuture<LastEntriesResponse>> calls = new HashMap<>();
        watched.forEach((node, address) -> {
            if (node != dead) {
                calls.put(
                        node,
                        Calls.future(NodeServiceGrpc.newFutureStub(channels.to(address))
                                .withDeadlineAfter(ASK_MS, TimeUnit.MILLISECONDS)
                                .lastEntries(request.build())));
            }
        });
        Map<Integer, LastEntriesResponse> answers = new HashMap<>();
        calls.forEach((node, call) -> {
            LastEntriesResponse answer = call.exceptionally(e -> LastEntriesResponse.getDefaultInstance())
                    .join();
            if (answer.getEntriesCount() == groups.size()) {
                answers.put(node, answer);
            }
        });
        return answers;
    }

    private boolean isFirst(RaftGroupHandle group, int ordinal, int dead, Map<Integer, LastEntriesResponse> others) {
        LogEnd mine = group.logEnd();
        for (Peer member : group.members()) {
            LastEntriesResponse answer = others.get(member.nodeId());
            if (answer == null) {
                continue;
            }
            LastEntry entry = answer.getEntries(ordinal);
            int compared = LocalReplicas.logEnd(entry).compareTo(mine);
            if (compared > 0
                    || (compared == 0 && turn(group, member.nodeId(), dead) < turn(group, state.nodeId(), dead))) {
                return false;
            }
        }
        return true;
    }

    /** A node's place among the survivors, for this group. */
    private static long turn(RaftGroupHandle group, int node, int dead) {
        List<Integer> survivors = new ArrayList<>();
        for (Peer member : group.members()) {
            if (member.nodeId() != dead) {
                survivors.add(member.nodeId());
            }
        }
        survivors.sort(Comparator.naturalOrder());
        GroupId id = group.group();
        int first = id.isPartition() ? Math.floorMod(id.partition(), Math.max(1, survivors.size())) : 0;
        return Math.floorMod(survivors.indexOf(node) - first, Math.max(1, survivors.size()));
    }

    private void run(Runnable task) {
        try {
            blocking.execute(task);
        } catch (RejectedExecutionException e) {
            LOG.debug("stopping");
        }
    }

    @Override
    public void close() {
        closed = true;
        state.unwatch(watcher);
    }
}
