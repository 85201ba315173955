package io.holdfast.chaos.scenario;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.arena.Wire;
import io.holdfast.chaos.workload.Workload;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.NodeState;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;

/**
 * A scenario under way: what its script may do. Each fault goes into the histories and the report, and is over when its
 * opposite is called, or at the end by itself. Used by one thread.
 */
public final class Run {
    private static final Duration READY_PATIENCE = Duration.ofSeconds(90);
    private static final long NEARLY_FULL_BYTES = 6 << 20;

    private final Arena arena;
    private final ClusterView cluster;
    private final List<Workload> workloads;
    private final Random random;
    private final FaultLog log;
    private final Duration length;
    private long endNanos;
    private final Set<Integer> down = new TreeSet<>();
    private final Set<Integer> paused = new TreeSet<>();
    private final Set<Integer> gone = new TreeSet<>();
    private final Set<Integer> toldToFail = new HashSet<>();
    private final Set<List<Integer>> cuts = new HashSet<>();
    private final Set<Integer> bent = new TreeSet<>();
    private final Set<Integer> filled = new TreeSet<>();
    private final Set<Integer> rewired = new TreeSet<>();

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
        this.cluster = new ClusterView(arena, client);
        this.workloads = workloads;
        this.random = new Random(seed);
        this.log = new FaultLog(workloads, beganNanos);
        this.length = length;
    }

    /** The workloads are at work: time for faults begins. */
    void begin() {
        endNanos = System.nanoTime() + length.toNanos();
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
        return cluster.leader(topic, this::isUp);
    }

    public int metadataLeader() {
        return cluster.metadataLeader(this::isUp);
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
        Map<Workload, Long> targets = new LinkedHashMap<>();
        workloads.forEach(workload -> targets.put(workload, workload.okCount() + operations));
        targets.forEach((workload, target) -> ClusterView.await(
                "progress of " + workload.name(), READY_PATIENCE, () -> workload.okCount() >= target));
    }

    public void kill(int node) throws IOException {
        arena.kill(node);
        down.add(node);
        log.begin(node, "down", "kill");
    }

    public void kill(Collection<Integer> several) throws IOException {
        for (int node : several) {
            kill(node);
        }
    }

    /** Asks a node to hand over and end. */
    public void stop(int node) throws IOException {
        log.begin(node, "down", "stop");
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
            log.end(node, "down", "start");
        }
    }

    /** Starts a node and does not wait. */
    public void startSoon(int node) throws IOException {
        arena.start(node);
        down.remove(node);
        log.end(node, "down", "start");
    }

    public void pause(int node) throws IOException {
        if (down.contains(node)) {
            return;
        }
        arena.pause(node);
        paused.add(node);
        log.begin(node, "paused", "pause");
    }

    public void goOn(int node) throws IOException {
        arena.goOn(node);
        paused.remove(node);
        log.end(node, "paused", "go-on");
    }

    /** Cuts one direction; {@link Arena#CLIENTS} for the clients. */
    public void cut(int from, int to) throws IOException {
        arena.cut(from, to);
        cuts.add(List.of(from, to));
        log.begin(from, "cut to " + name(to), "cut");
    }

    public void join(int from, int to) throws IOException {
        arena.join(from, to);
        cuts.remove(List.of(from, to));
        log.end(from, "cut to " + name(to), "join");
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

    /** Puts a bad wire between a node and everybody else, or a good one. */
    public void rewire(int node, Wire wire) throws IOException {
        arena.rewire(node, wire, random.nextLong());
        log.end(node, "bad wire", "good-wire");
        rewired.remove(node);
        if (!wire.equals(Wire.GOOD)) {
            rewired.add(node);
            log.begin(node, "bad wire", "bad-wire");
        }
    }

    /** Kills nodes at the same time and takes from them what they had not flushed. */
    public void cutPower(Collection<Integer> several, boolean torn) throws IOException {
        int lost = arena.cutPower(new TreeSet<>(several), torn ? 1 + random.nextInt(Integer.MAX_VALUE - 1) : 0);
        for (int node : several) {
            down.add(node);
            log.begin(node, "down", "cut-power");
        }
        log.note(0, "lost-writes", lost);
    }

    public void moveClock(int node, Duration by) throws IOException {
        arena.moveClock(node, by);
        bent.add(node);
        if (by.isZero()) {
            log.end(node, "clock", "clock-right");
        } else {
            log.begin(node, "clock", "move-clock");
        }
    }

    public void slowSyncs(int node, Duration by) throws IOException {
        arena.slowSyncs(node, by);
        bent.add(node);
        if (by.isZero()) {
            log.end(node, "slow disk", "fast-disk");
        } else {
            log.begin(node, "slow disk", "slow-disk");
        }
    }

    /** From the next flush on all fail; the node must end by itself. */
    public void failSyncs(int node) throws IOException {
        toldToFail.add(node);
        arena.failSyncs(node);
        log.begin(node, "down", "fail-flushes");
        ClusterView.await(
                "node " + node + " to stop after a failed flush", READY_PATIENCE, () -> !arena.isRunning(node));
        down.add(node);
    }

    /** Leaves less space than nodes want to have, and some; a node must live on. */
    public void nearlyFillDisk(int node) throws IOException {
        arena.fillDisk(node, NEARLY_FULL_BYTES);
        filled.add(node);
        log.begin(node, "disk full", "nearly-fill-disk");
    }

    /** Leaves no space at all; a node may stop. */
    public void fillDisk(int node) throws IOException {
        toldToFail.add(node);
        arena.fillDisk(node, 0);
        filled.add(node);
        log.begin(node, "disk full", "fill-disk");
    }

    /** Also starts the node again if it has stopped. */
    public void freeDisk(int node) throws IOException {
        arena.freeDisk(node);
        filled.remove(node);
        log.end(node, "disk full", "free-disk");
        if (toldToFail.remove(node)) {
            start(node);
        }
    }

    /** Changes files of a node that is down. */
    public void damage(int node, Damage damage, Damage.Kind kind) throws IOException {
        List<Path> damaged = damage.apply(arena.dataDirectory(node), kind, random);
        log.note(node, damage.words() + " " + kind.words(), damaged.size());
    }

    public void wipe(int node) throws IOException {
        arena.wipe(node);
        down.add(node);
        log.begin(node, "down", "wipe");
    }

    /** One node more; returns when it serves. */
    public int addNode() throws IOException {
        int node = arena.add();
        log.note(node, "add-node", node);
        arena.start(node);
        arena.awaitReady(node, READY_PATIENCE);
        return node;
    }

    /** Asks for a node to be taken out of the cluster, with all that it has moved to others. */
    public void beginToRemove(int node) {
        log.begin(node, "leaving", "remove-node");
        cluster.setState(node, NodeState.NODE_STATE_REMOVING);
    }

    /** Waits until a node is out of the cluster, and stops it for good. */
    public void finishToRemove(int node) throws IOException {
        cluster.awaitGone(node);
        log.end(node, "leaving", "node-removed");
        arena.kill(node);
        gone.add(node);
    }

    /** All that was done so far; what is not over goes on until now. Called by the thread of the script. */
    List<Fault> faults() {
        return log.all();
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
        for (int node : List.copyOf(rewired)) {
            rewire(node, Wire.GOOD);
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
        workloads.forEach(workload -> cluster.awaitCaughtUp(workload.topic()));
    }
}
