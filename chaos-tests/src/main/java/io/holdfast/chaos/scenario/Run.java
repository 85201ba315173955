package io.holdfast.chaos.scenario;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.workload.Workload;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Route;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BooleanSupplier;

/**
 * A scenario under way: what its script may do. Each fault goes into the histories and the report, and is over when its
 * opposite is called, or at the end by itself. Used by one thread.
 */
public final class Run {
    private static final Duration READY_PATIENCE = Duration.ofSeconds(90);
    private static final Duration LEADER_PATIENCE = Duration.ofSeconds(30);
    private static final Duration MOVE_PATIENCE = Duration.ofSeconds(180);
    private static final long NEARLY_FULL_BYTES = 6 << 20;
    private static final long LOOK_MS = 50;

    private final Arena arena;
    private final HoldfastClient client;
    private final List<Workload> workloads;
    private final Random random;
    private final long beganNanos;
    private final long endNanos;
    private final List<Fault> faults = new ArrayList<>();
    private final Map<String, Fault> open = new HashMap<>();
    private final Set<Integer> down = new TreeSet<>();
    private final Set<Integer> paused = new TreeSet<>();
    private final Set<Integer> gone = new TreeSet<>();
    private final Set<Integer> toldToFail = new HashSet<>();
    private final Set<List<Integer>> cuts = new HashSet<>();
    private final Set<Integer> bent = new TreeSet<>();
    private final Set<Integer> filled = new TreeSet<>();

    /**
     * Something that was done to the cluster.
     *
     * @param node number of the node that it was done to, 0 for none in particular
     * @param fromNanos since the run began
     * @param untilNanos the same as {@code fromNanos} if it has no end
     */
    public record Fault(int node, String what, long fromNanos, long untilNanos) {}

    Run(Arena arena, HoldfastClient client, List<Workload> workloads, long seed, long beganNanos, Duration length) {
        this.arena = arena;
        this.client = client;
        this.workloads = workloads;
        this.random = new Random(seed);
        this.beganNanos = beganNanos;
        this.endNanos = System.nanoTime() + length.toNanos();
    }

    /** Whether there is time for more. */
    public boolean goesOn() {
        return System.nanoTime() < endNanos;
    }

    public Random random() {
        return random;
    }

    public List<Integer> nodes() {
        return arena.nodes().stream().filter(node -> !gone.contains(node)).toList();
    }

    /** All but one. */
    public List<Integer> others(int node) {
        return nodes().stream().filter(other -> other != node).toList();
    }

    public int anyNode() {
        return nodes().get(random.nextInt(nodes().size()));
    }

    /** Nodes in a random order. */
    public List<Integer> shuffled() {
        List<Integer> all = new ArrayList<>(nodes());
        Collections.shuffle(all, random);
        return all;
    }

    /** Leads a partition of one of the workloads' topics, taken at random; waits until there is one. */
    public int leader() {
        return leader(workloads.get(random.nextInt(workloads.size())).topic());
    }

    /** Leads the first partition of a topic; waits until there is one. */
    public int leader(String topic) {
        int[] leader = new int[1];
        await("a leader of " + topic, LEADER_PATIENCE, () -> {
            for (Route route : client.admin().getRoutes(List.of(topic)).getRoutesList()) {
                int candidate = route.getLeaderNode();
                if (route.getPartition().getPartition() == 0 && isUp(candidate)) {
                    leader[0] = candidate;
                }
            }
            return leader[0] != 0;
        });
        return leader[0];
    }

    public int metadataLeader() {
        int[] leader = new int[1];
        await("a metadata leader", LEADER_PATIENCE, () -> {
            leader[0] = client.admin().describeCluster().getMetadataLeaderNode();
            return isUp(leader[0]);
        });
        return leader[0];
    }

    private boolean isUp(int node) {
        return node != 0 && !down.contains(node) && !paused.contains(node);
    }

    /** Lets the workloads work, for a random time in between. */
    public void calm(double fromSeconds, double toSeconds) throws InterruptedException {
        Thread.sleep((long) (1000 * (fromSeconds + random.nextDouble() * (toSeconds - fromSeconds))));
    }

    /** Waits until each workload has got some operations through. */
    public void awaitProgress(int operations) {
        for (Workload workload : workloads) {
            long target = workload.okCount() + operations;
            await("progress of " + workload.name(), READY_PATIENCE, () -> workload.okCount() >= target);
        }
    }

    /** Waits for something; refusals count as "not yet". */
    public static void await(String what, Duration patience, BooleanSupplier condition) {
        long deadline = System.nanoTime() + patience.toNanos();
        String last = "";
        while (true) {
            try {
                if (condition.getAsBoolean()) {
                    return;
                }
            } catch (HoldfastException e) {
                last = ": " + e.getMessage();
            }
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException("waited " + patience.toSeconds() + " s in vain for " + what + last);
            }
            try {
                Thread.sleep(LOOK_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
        }
    }

    public void kill(int node) throws IOException {
        arena.kill(node);
        down.add(node);
        begin(node, "down", "kill");
    }

    public void kill(Collection<Integer> several) throws IOException {
        for (int node : several) {
            kill(node);
        }
    }

    /** Asks a node to hand over and end. */
    public void stop(int node) throws IOException {
        begin(node, "down", "stop");
        arena.stop(node);
        down.add(node);
    }

    /** Starts a node, if it is down, and waits until it serves. */
    public void start(int node) throws IOException {
        startAll(List.of(node));
    }

    /** Starts nodes, all at once, and waits until they serve. */
    public void startAll(Collection<Integer> several) throws IOException {
        for (int node : several) {
            if (!arena.isRunning(node)) {
                arena.start(node);
            }
        }
        for (int node : several) {
            arena.awaitReady(node, READY_PATIENCE);
            down.remove(node);
            toldToFail.remove(node);
            end(node, "down", "start");
        }
    }

    /** Starts a node and does not wait. */
    public void startSoon(int node) throws IOException {
        arena.start(node);
        down.remove(node);
        end(node, "down", "start");
    }

    public void pause(int node) throws IOException {
        if (down.contains(node)) {
            return;
        }
        arena.pause(node);
        paused.add(node);
        begin(node, "paused", "pause");
    }

    public void goOn(int node) throws IOException {
        arena.goOn(node);
        paused.remove(node);
        end(node, "paused", "go-on");
    }

    /** Cuts one direction; {@link Arena#CLIENTS} for the clients. */
    public void cut(int from, int to) throws IOException {
        arena.cut(from, to);
        cuts.add(List.of(from, to));
        begin(from, "cut to " + name(to), "cut");
    }

    public void join(int from, int to) throws IOException {
        arena.join(from, to);
        cuts.remove(List.of(from, to));
        end(from, "cut to " + name(to), "join");
    }

    private static String name(int node) {
        return node == Arena.CLIENTS ? "clients" : Integer.toString(node);
    }

    public void cutBoth(int one, int other) throws IOException {
        cut(one, other);
        cut(other, one);
    }

    /** Cuts a node off from all others; clients still reach it. */
    public void isolate(int node) throws IOException {
        for (int other : others(node)) {
            cutBoth(node, other);
        }
    }

    public void joinAll() throws IOException {
        for (List<Integer> link : List.copyOf(cuts)) {
            join(link.get(0), link.get(1));
        }
    }

    /** Kills nodes at the same time and takes from them what they had not flushed. */
    public void cutPower(Collection<Integer> several, boolean torn) throws IOException {
        int lost = arena.cutPower(new TreeSet<>(several), torn ? 1 + random.nextInt(Integer.MAX_VALUE - 1) : 0);
        for (int node : several) {
            down.add(node);
            begin(node, "down", "cut-power");
        }
        note(0, "lost-writes", lost);
    }

    public void moveClock(int node, Duration by) throws IOException {
        arena.moveClock(node, by);
        bent.add(node);
        if (by.isZero()) {
            end(node, "clock", "clock-right");
        } else {
            begin(node, "clock", "move-clock");
        }
    }

    public void slowSyncs(int node, Duration by) throws IOException {
        arena.slowSyncs(node, by);
        bent.add(node);
        if (by.isZero()) {
            end(node, "slow disk", "fast-disk");
        } else {
            begin(node, "slow disk", "slow-disk");
        }
    }

    /** From the next flush on all fail; the node must end by itself. */
    public void failSyncs(int node) throws IOException {
        toldToFail.add(node);
        arena.failSyncs(node);
        begin(node, "down", "fail-flushes");
        await("node " + node + " to stop after a failed flush", READY_PATIENCE, () -> !arena.isRunning(node));
        down.add(node);
    }

    /** Leaves less space than nodes want to have, and some; a node must live on. */
    public void nearlyFillDisk(int node) throws IOException {
        arena.fillDisk(node, NEARLY_FULL_BYTES);
        filled.add(node);
        begin(node, "disk full", "nearly-fill-disk");
    }

    /** Leaves no space at all; a node may stop. */
    public void fillDisk(int node) throws IOException {
        toldToFail.add(node);
        arena.fillDisk(node, 0);
        filled.add(node);
        begin(node, "disk full", "fill-disk");
    }

    /** Also starts the node again if it has stopped. */
    public void freeDisk(int node) throws IOException {
        arena.freeDisk(node);
        filled.remove(node);
        end(node, "disk full", "free-disk");
        if (toldToFail.remove(node)) {
            start(node);
        }
    }

    /** Changes files of a node that is down. */
    public void damage(int node, Damage damage, Damage.Kind kind) throws IOException {
        List<Path> damaged = damage.apply(arena.dataDirectory(node), kind, random);
        note(node, damage.words() + " " + kind.words(), damaged.size());
    }

    public void wipe(int node) throws IOException {
        arena.wipe(node);
        down.add(node);
        begin(node, "down", "wipe");
    }

    /** One node more; returns when it serves. */
    public int addNode() throws IOException {
        int node = arena.add();
        note(node, "add-node", node);
        arena.start(node);
        arena.awaitReady(node, READY_PATIENCE);
        return node;
    }

    /** Asks for a node to be taken out of the cluster, with all that it has moved to others. */
    public void beginToRemove(int node) {
        begin(node, "leaving", "remove-node");
        await("node " + node + " to be told to go", READY_PATIENCE, () -> {
            client.admin().setNodeState(node, NodeState.NODE_STATE_REMOVING);
            return true;
        });
    }

    /** Waits until a node is out of the cluster, and stops it for good. */
    public void finishToRemove(int node) throws IOException {
        await(
                "node " + node + " to be out of the cluster",
                MOVE_PATIENCE,
                () -> client.admin().describeCluster().getNodesList().stream()
                        .noneMatch(one -> one.getNode().getNodeId() == node));
        end(node, "leaving", "node-removed");
        arena.kill(node);
        gone.add(node);
    }

    private void begin(int node, String what, String f) {
        open.put(node + what, new Fault(node, what, now(), now()));
        tell(f, node);
    }

    private void end(int node, String what, String f) {
        Fault fault = open.remove(node + what);
        if (fault != null) {
            faults.add(new Fault(node, what, fault.fromNanos, now()));
            tell(f, node);
        }
    }

    private void note(int node, String what, Object value) {
        faults.add(new Fault(node, what + " " + value, now(), now()));
        tell(what, List.of(node, value));
    }

    private void tell(String f, Object value) {
        workloads.forEach(workload -> workload.history().fault(f, value));
    }

    private long now() {
        return System.nanoTime() - beganNanos;
    }

    /** All that was done so far; what is not over goes on until now. Called by the thread of the script. */
    List<Fault> faults() {
        List<Fault> all = new ArrayList<>(faults);
        open.values().forEach(fault -> all.add(new Fault(fault.node, fault.what, fault.fromNanos, now())));
        return all;
    }

    /** Nodes that have ended without being told to. */
    List<Integer> diedByThemselves() {
        return nodes().stream()
                .filter(node -> !down.contains(node) && !toldToFail.contains(node) && !arena.isRunning(node))
                .toList();
    }

    /** Undoes all that is not over yet. */
    void mend() throws IOException {
        for (int node : List.copyOf(paused)) {
            goOn(node);
        }
        if (!cuts.isEmpty()) {
            joinAll();
        }
        for (int node : bent) {
            moveClock(node, Duration.ZERO);
            slowSyncs(node, Duration.ZERO);
        }
        for (int node : List.copyOf(filled)) {
            freeDisk(node);
        }
        startAll(nodes());
    }

    /** Waits until each replica of the workloads' topics has all there is. */
    public void awaitAllCaughtUp() {
        for (Workload workload : workloads) {
            for (Route route : routes(workload.topic())) {
                for (int node : route.getReplicaNodesList()) {
                    int partition = route.getPartition().getPartition();
                    await(
                            "node " + node + " to have all of " + workload.topic() + "/" + partition,
                            MOVE_PATIENCE,
                            () -> isCaughtUp(node, workload.topic(), partition));
                }
            }
        }
    }

    private List<Route> routes(String topic) {
        List<Route> routes = new ArrayList<>();
        await("the routes of " + topic, LEADER_PATIENCE, () -> {
            routes.clear();
            routes.addAll(client.admin().getRoutes(List.of(topic)).getRoutesList());
            return !routes.isEmpty();
        });
        return routes;
    }

    private boolean isCaughtUp(int node, String topic, int partition) {
        long end = client.admin()
                .lookupOffset(
                        topic,
                        partition,
                        io.holdfast.v1.Start.newBuilder().setLatest(true).build());
        for (ReplicaStatus replica :
                client.admin().describeCluster(arena.address(node)).getReplicasList()) {
            if (replica.getPartition().getTopic().equals(topic)
                    && replica.getPartition().getPartition() == partition) {
                return replica.getHighWatermark() >= end && replica.getDamage().isEmpty();
            }
        }
        return false;
    }
}
