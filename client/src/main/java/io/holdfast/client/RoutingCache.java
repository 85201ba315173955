package io.holdfast.client;

import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.Route;
import io.holdfast.v1.RouteServiceGrpc;
import io.holdfast.v1.WatchRoutesRequest;
import io.holdfast.v1.WatchRoutesResponse;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Who leads what, as told by one node's WatchRoutes and corrected by hints in errors. The watch moves to another node
 * when it breaks. Any thread.
 */
final class RoutingCache implements AutoCloseable {
    private static final long REWATCH_MS = 50;
    /** If one node after the other ends the watch at once. */
    private static final long REWATCH_SLOWLY_MS = 500;

    private static final long SHORT_NANOS = 1_000_000_000L;

    private final Connections connections;
    private final ScheduledExecutorService timer;
    private final CopyOnWriteArrayList<Runnable> listeners = new CopyOnWriteArrayList<>();
    private final Map<PartitionKey, Integer> leaders = new HashMap<>();
    private Map<Integer, String> addresses = new HashMap<>();
    /** Replaced, never changed. */
    private volatile Map<String, Map<Integer, Route>> topics = Map.of();

    /** Of {@link #topics}, made when they are asked for. */
    private final Map<String, KeyRanges> ranges = new HashMap<>();

    private boolean known;
    /** Of what is known. */
    private String cluster = "";

    private long version;
    private int nextSeed;
    /** Watches in a row that did not last. */
    private int shortWatches;

    private boolean closed;
    private Context.@Nullable CancellableContext watch;

    record PartitionKey(String topic, int partition) {}

    RoutingCache(Connections connections, ScheduledExecutorService timer) {
        this.connections = connections;
        this.timer = timer;
        watchSomewhere();
    }

    /** The listener is run after each change, on a gRPC thread: it must not block. */
    void onChange(Runnable listener) {
        listeners.add(listener);
    }

    void forget(Runnable listener) {
        listeners.remove(listener);
    }

    private void watchSomewhere() {
        Context.CancellableContext context;
        String address;
        synchronized (this) {
            if (closed) {
                return;
            }
            List<String> candidates = connections.known();
            address = candidates.get(Math.floorMod(nextSeed++, candidates.size()));
            context = Context.ROOT.withCancellation();
            watch = context;
        }
        long begun = System.nanoTime();
        connections.retryNow(address);
        context.run(() -> RouteServiceGrpc.newStub(connections.to(address))
                .watchRoutes(WatchRoutesRequest.getDefaultInstance(), new StreamObserver<>() {
                    @Override
                    public void onNext(WatchRoutesResponse response) {
                        take(response.getRoutes());
                    }

                    @Override
                    public void onError(Throwable t) {
                        again();
                    }

                    @Override
                    public void onCompleted() {
                        again();
                    }

                    private void again() {
                        synchronized (RoutingCache.this) {
                            if (closed) {
                                return;
                            }
                        }
                        timer.schedule(RoutingCache.this::watchSomewhere, delayMs(begun), TimeUnit.MILLISECONDS);
                    }
                }));
    }

    private synchronized long delayMs(long begunNanos) {
        shortWatches = System.nanoTime() - begunNanos < SHORT_NANOS ? shortWatches + 1 : 0;
        return shortWatches < connections.known().size() ? REWATCH_MS : REWATCH_SLOWLY_MS;
    }

    private void take(GetRoutesResponse routes) {
        synchronized (this) {
            if (!isOlder(routes)) {
                replace(routes);
            }
            for (Route route : routes.getRoutesList()) {
                if (route.getLeaderNode() != 0) {
                    leaders.put(
                            new PartitionKey(
                                    route.getPartition().getTopic(),
                                    route.getPartition().getPartition()),
                            route.getLeaderNode());
                }
            }
            known = true;
            notifyAll();
        }
        listeners.forEach(Runnable::run);
    }

    /** A node that has just started may know fewer topics and nodes than another did; who leads it may know all the same. */
    private boolean isOlder(GetRoutesResponse routes) {
        return routes.getMetadataVersion() < version
                && routes.getHeader().getClusterId().equals(cluster);
    }

    private void replace(GetRoutesResponse routes) {
        cluster = routes.getHeader().getClusterId();
        version = routes.getMetadataVersion();
        Map<Integer, String> newAddresses = new HashMap<>();
        routes.getNodesList().forEach(node -> newAddresses.put(node.getNodeId(), node.getAddress()));
        addresses = newAddresses;
        connections.learn(newAddresses.values());
        Map<String, Map<Integer, Route>> newTopics = new HashMap<>();
        for (Route route : routes.getRoutesList()) {
            String topic = route.getPartition().getTopic();
            int partition = route.getPartition().getPartition();
            newTopics.computeIfAbsent(topic, t -> new TreeMap<>()).put(partition, route);
        }
        topics = newTopics;
        ranges.clear();
    }

    /**
     * Partitions of a topic; waits until the topic is known, since it may have been created a moment ago.
     *
     * @param denial asked, once and if need be, whether there is no such topic; completes with what to throw if there is none
     */
    synchronized int partitions(
            String topic, Duration patience, Function<String, CompletableFuture<Optional<HoldfastException>>> denial) {
        long deadline = System.nanoTime() + patience.toNanos();
        CompletableFuture<Optional<HoldfastException>> asked = null;
        while (true) {
            Map<Integer, Route> partitions = topics.get(topic);
            if (partitions != null) {
                return partitions.size();
            }
            if (known && asked == null) {
                asked = denial.apply(topic);
                asked.thenRun(this::lookAgain);
            }
            if (asked != null && asked.getNow(Optional.empty()).isPresent()) {
                throw asked.getNow(Optional.empty()).orElseThrow();
            }
            long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
            if (left <= 0) {
                throw known
                        ? HoldfastException.notApplied(
                                ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND,
                                "create topic '" + topic + "' first: it does not exist")
                        : HoldfastException.notApplied(
                                ErrorReason.ERROR_REASON_UNAVAILABLE,
                                "check that a node runs at one of " + connections.known() + ": none answers");
            }
            try {
                wait(left);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
            }
        }
    }

    private synchronized void lookAgain() {
        notifyAll();
    }

    /** Number of partitions if the topic is known, else 0. Takes no lock: asked about each record that is sent. */
    int partitionsIfKnown(String topic) {
        Map<Integer, Route> partitions = topics.get(topic);
        return partitions == null ? 0 : partitions.size();
    }

    /** Whose keys are whose; those of a topic that is not known are nobody's. */
    synchronized KeyRanges ranges(String topic) {
        return ranges.computeIfAbsent(
                topic, name -> KeyRanges.of(topics.getOrDefault(name, Map.of()).values()));
    }

    /**
     * Address to send to: the leader if known, else one of the replicas, a different one at each attempt; null if even
     * those are not known.
     */
    synchronized @Nullable String target(String topic, int partition, int attempt) {
        String address = leader(topic, partition);
        if (address != null) {
            return address;
        }
        List<Integer> replicas = replicaNodes(topic, partition);
        if (replicas.isEmpty()) {
            return null;
        }
        return addresses.get(replicas.get(Math.floorMod(attempt, replicas.size())));
    }

    /**
     * Address of the node that leads more than half of a topic's partitions; null if there is none, or it is not known.
     *
     * @param partitions those that count; empty for all
     */
    synchronized @Nullable String leaderOfMost(String topic, Collection<Integer> partitions) {
        Collection<Integer> counted = counted(topic, partitions);
        Map<String, Integer> led = new HashMap<>();
        for (int partition : counted) {
            String leader = leader(topic, partition);
            if (leader != null && 2 * led.merge(leader, 1, Integer::sum) > counted.size()) {
                return leader;
            }
        }
        return null;
    }

    /** Whether each of a topic's partitions has a leader that is known; of those partitions if there are any, else of all. */
    synchronized boolean knowsLeaders(String topic, Collection<Integer> partitions) {
        Collection<Integer> counted = counted(topic, partitions);
        return !counted.isEmpty() && counted.stream().allMatch(partition -> leader(topic, partition) != null);
    }

    private Collection<Integer> counted(String topic, Collection<Integer> partitions) {
        return partitions.isEmpty() ? topics.getOrDefault(topic, Map.of()).keySet() : partitions;
    }

    /** Address of the leader, if known. */
    synchronized @Nullable String leader(String topic, int partition) {
        Integer leader = leaders.get(new PartitionKey(topic, partition));
        return leader == null ? null : addresses.get(leader);
    }

    /** Those of a topic's partitions that this node leads, as far as is known. */
    synchronized List<Integer> ledBy(String topic, String address) {
        return topics.getOrDefault(topic, Map.of()).keySet().stream()
                .filter(partition -> address.equals(leader(topic, partition)))
                .toList();
    }

    /** Replica addresses of a partition, in the order of its assignment. */
    synchronized List<String> replicas(String topic, int partition) {
        return replicaNodes(topic, partition).stream()
                .map(id -> addresses.getOrDefault(id, ""))
                .filter(a -> !a.isEmpty())
                .toList();
    }

    /** Whether a node has answered that there is no such partition although there is: it is behind, and will learn. */
    synchronized boolean knowBetter(String topic, int partition, HoldfastException answer) {
        boolean denied = answer.reason() == ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND
                || answer.reason() == ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND;
        return denied && topics.getOrDefault(topic, Map.of()).containsKey(partition);
    }

    private List<Integer> replicaNodes(String topic, int partition) {
        Route route = topics.getOrDefault(topic, Map.of()).get(partition);
        return route == null ? List.of() : route.getReplicaNodesList();
    }

    /** The node at this address did not answer, or does not lead: unless we have been told otherwise since, forget it. */
    synchronized void doubt(String topic, int partition, String address) {
        PartitionKey key = new PartitionKey(topic, partition);
        Integer leader = leaders.get(key);
        if (leader != null && address.equals(addresses.get(leader))) {
            leaders.remove(key);
        }
    }

    /** A node says in an error who leads. */
    synchronized void hint(String topic, int partition, HoldfastException error) {
        String leader = error.facts().get("leader_node");
        String address = error.facts().get("leader_address");
        if (leader != null && address != null && !address.isEmpty()) {
            int id = Integer.parseInt(leader);
            addresses.putIfAbsent(id, address);
            leaders.put(new PartitionKey(topic, partition), id);
        }
    }

    @Override
    public void close() {
        Context.CancellableContext context;
        synchronized (this) {
            closed = true;
            context = watch;
        }
        if (context != null) {
            context.cancel(null);
        }
    }
}
