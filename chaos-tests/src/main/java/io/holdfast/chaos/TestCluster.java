package io.holdfast.chaos;

import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.holdfast.cli.local.LocalCluster;
import io.holdfast.cli.local.LocalNode;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Route;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/**
 * A cluster of processes for one test, in a temporary folder. The folder, with data and logs, is deleted only if the
 * test says that it went well.
 */
public final class TestCluster implements AutoCloseable {
    private static final Duration START_PATIENCE = Duration.ofSeconds(90);
    private static final Set<ReplicaRole> MEMBERS = Set.of(
            ReplicaRole.REPLICA_ROLE_LEADER, ReplicaRole.REPLICA_ROLE_FOLLOWER, ReplicaRole.REPLICA_ROLE_RESTING);

    private final LocalCluster cluster;
    private final Map<Integer, ManagedChannel> channels = new HashMap<>();
    /** Those that run in this process. */
    private static final Set<TestCluster> RUNNING = ConcurrentHashMap.newKeySet();

    private boolean passed;
    private boolean kept;

    /** Few entries between checkpoints, so that snapshots, purges and copies happen all the time. */
    public static final List<String> SMALL_LOGS =
            List.of("raft:", "  checkpoint-entries: 200", "  log-segment-size: 16KiB", "  log-entries-kept: 50");

    /**
     * Nodes of tests live for seconds, in which the optimizing compiler takes more from the processors than it gives
     * back. Empty: as in production.
     */
    private static final String NODE_JVM =
            System.getProperty("holdfast.node-jvm", "-XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC");

    private TestCluster(LocalCluster cluster) {
        this.cluster = cluster;
        RUNNING.add(this);
    }

    /** A test went wrong: data and logs of the clusters that run now stay, whatever is said later. */
    static void keepWhatRuns() {
        RUNNING.forEach(running -> running.kept = true);
    }

    /** @param extraYaml lines for each node's configuration */
    public static TestCluster start(int nodes, List<String> extraYaml) throws IOException {
        Path folder = Files.createTempDirectory("holdfast-test-");
        TestCluster started = new TestCluster(LocalCluster.createOnFreePorts(folder, nodes, extraYaml));
        List<String> jvm = new ArrayList<>(
                NODE_JVM.isBlank() ? List.of() : List.of(NODE_JVM.trim().split("\\s+")));
        jvm.addAll(NodeArchive.options(jvm));
        started.cluster.setClassPath(NodeArchive.jars());
        started.cluster.setMoreJvmOptions(jvm);
        boolean up = false;
        try {
            started.cluster.start(START_PATIENCE);
            up = true;
            return started;
        } finally {
            if (!up) {
                started.close();
            }
        }
    }

    public LocalCluster processes() {
        return cluster;
    }

    public LocalNode node(int id) {
        return cluster.node(id);
    }

    public HoldfastClient connect() {
        return HoldfastClient.connect(cluster.addresses());
    }

    /** A connection to a node, for callers without a client of ours; closed with the cluster. */
    public synchronized ManagedChannel channel(int nodeId) {
        return channels.computeIfAbsent(
                nodeId,
                id -> NettyChannelBuilder.forTarget(node(id).address())
                        .usePlaintext()
                        .build());
    }

    /** Stops a node's process where it is; {@link #goOn} lets it go on. */
    public void freeze(int nodeId) throws IOException, InterruptedException {
        signal(nodeId, "STOP");
    }

    public void goOn(int nodeId) throws IOException, InterruptedException {
        signal(nodeId, "CONT");
    }

    private void signal(int nodeId, String signal) throws IOException, InterruptedException {
        Process kill = new ProcessBuilder(
                        "kill", "-" + signal, Long.toString(node(nodeId).pid()))
                .start();
        if (!kill.waitFor(5, TimeUnit.SECONDS) || kill.exitValue() != 0) {
            throw new IOException("node " + nodeId + " could not be sent " + signal);
        }
    }

    /** One node more, that joins the others. */
    public LocalNode add() throws IOException {
        LocalNode node = cluster.addOnFreePorts();
        node.start();
        node.awaitReady(START_PATIENCE);
        return node;
    }

    /** Takes a node's disk away: it is killed, and what it had is gone. */
    public void wipe(int nodeId) throws IOException {
        node(nodeId).kill();
        LocalCluster.deleteTree(node(nodeId).dataDirectory());
        cluster.introduce(nodeId);
    }

    /** Starts what does not run, and waits until everything serves. */
    public void startAll() throws IOException {
        cluster.start(START_PATIENCE);
    }

    public void restart(int nodeId) throws IOException {
        cluster.node(nodeId).start();
        cluster.node(nodeId).awaitReady(START_PATIENCE);
    }

    /** Node that leads a partition now; waits until there is one. */
    public int leaderOf(HoldfastClient client, String topic, int partition) {
        int[] leader = new int[1];
        await("a leader of " + topic + "/" + partition, Duration.ofSeconds(30), () -> {
            for (Route route : client.admin().getRoutes(List.of(topic)).getRoutesList()) {
                int candidate = route.getLeaderNode();
                if (route.getPartition().getPartition() == partition
                        && candidate != 0
                        && node(candidate).isRunning()) {
                    leader[0] = candidate;
                    return true;
                }
            }
            return false;
        });
        return leader[0];
    }

    public int metadataLeader(HoldfastClient client) {
        int[] leader = new int[1];
        await("a metadata leader", Duration.ofSeconds(30), () -> {
            leader[0] = client.admin().describeCluster().getMetadataLeaderNode();
            return leader[0] != 0 && node(leader[0]).isRunning();
        });
        return leader[0];
    }

    /** Replicas of a topic on a node, by partition; empty while it does not serve. */
    public Map<Integer, ReplicaStatus> replicas(HoldfastClient client, int nodeId, String topic) {
        Map<Integer, ReplicaStatus> replicas = new HashMap<>();
        try {
            DescribeClusterResponse node =
                    client.admin().describeCluster(node(nodeId).address());
            for (ReplicaStatus replica : node.getReplicasList()) {
                if (replica.getPartition().getTopic().equals(topic)) {
                    replicas.put(replica.getPartition().getPartition(), replica);
                }
            }
        } catch (HoldfastException e) {
            return Map.of();
        }
        return replicas;
    }

    /** Waits until a node is a member of every partition of the topic and has applied up to these offsets. */
    public void awaitCaughtUp(HoldfastClient client, int nodeId, String topic, List<Long> ends, Duration patience) {
        for (int p = 0; p < ends.size(); p++) {
            awaitCaughtUp(client, nodeId, topic, p, ends.get(p), patience);
        }
    }

    /** Waits until a node is a member of a partition and has applied up to this offset. */
    public void awaitCaughtUp(
            HoldfastClient client, int nodeId, String topic, int partition, long end, Duration patience) {
        await("node " + nodeId + " to have all of " + topic + "/" + partition, patience, () -> {
            ReplicaStatus replica = replicas(client, nodeId, topic).get(partition);
            return replica != null && MEMBERS.contains(replica.getRole()) && replica.getHighWatermark() >= end;
        });
    }

    /** A node's figure, or that of its heap among several of the name; -1 if it has none. */
    public double metric(int nodeId, String name) {
        try {
            String text = HttpClient.newHttpClient()
                    .send(
                            HttpRequest.newBuilder(URI.create(node(nodeId).metricsUrl()))
                                    .build(),
                            HttpResponse.BodyHandlers.ofString())
                    .body();
            return text.lines()
                    .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{area=\"heap\"}"))
                    .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                    .findFirst()
                    .orElse(-1);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError("interrupted", e);
        }
    }

    /** Polls a condition; fails with its name when time is up. Refusals count as "not yet". */
    public static void await(String what, Duration patience, BooleanSupplier condition) {
        long deadline = System.nanoTime() + patience.toNanos();
        while (true) {
            String last;
            try {
                if (condition.getAsBoolean()) {
                    return;
                }
                last = "";
            } catch (HoldfastException e) {
                last = ": " + e.getMessage();
            }
            if (System.nanoTime() > deadline) {
                throw new AssertionError("waited " + patience + " in vain for " + what + last);
            }
            try {
                Thread.sleep(20);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new AssertionError("interrupted while waiting for " + what, e);
            }
        }
    }

    /** The test went well: its data and logs may be deleted. */
    public void passed() {
        passed = true;
    }

    @Override
    public synchronized void close() {
        channels.values().forEach(ManagedChannel::shutdownNow);
        cluster.kill();
        RUNNING.remove(this);
        if (passed && !kept) {
            LocalCluster.deleteTree(cluster.folder());
        } else {
            System.err.println("data and logs of the failed test are in " + cluster.folder());
        }
    }
}
