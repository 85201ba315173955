package io.holdfast.node;

import com.codahale.metrics.Gauge;
import com.codahale.metrics.MetricRegistry;
import io.holdfast.consensus.Timer;
import io.holdfast.consensus.metadata.FeatureLevel;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.consensus.partition.PartitionHost;
import io.holdfast.consensus.partition.PartitionHost.PartitionSettings;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.partition.PayloadReaders;
import io.holdfast.consensus.queue.QueueResources;
import io.holdfast.consensus.queue.RecordCache;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.Peer;
import io.holdfast.consensus.raft.RaftGroupHandle;
import io.holdfast.consensus.raft.RaftHost;
import io.holdfast.consensus.schedule.ScheduleResources;
import io.holdfast.consensus.stream.StreamResources;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.node.cluster.ClusterFormation;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.LocalReplicas;
import io.holdfast.node.cluster.MetadataClient;
import io.holdfast.node.cluster.MetadataFollower;
import io.holdfast.node.cluster.MetadataOpening;
import io.holdfast.node.cluster.NodeChannels;
import io.holdfast.node.cluster.NodeIdentity;
import io.holdfast.node.cluster.NodeRegistration;
import io.holdfast.node.cluster.PeerWatch;
import io.holdfast.node.cluster.RemoteCheckpoints;
import io.holdfast.node.cluster.ReplicaReconciler;
import io.holdfast.node.cluster.RestingGroups;
import io.holdfast.node.compaction.Compactor;
import io.holdfast.node.config.NodeConfig;
import io.holdfast.node.http.AdminHttp;
import io.holdfast.node.queue.ImagePolicies;
import io.holdfast.node.queue.ParentGates;
import io.holdfast.node.queue.QueueServices;
import io.holdfast.node.schedule.ScheduleServices;
import io.holdfast.node.scrub.ScrubServices;
import io.holdfast.node.service.ApiServer;
import io.holdfast.node.service.ApiServices;
import io.holdfast.node.service.NodeGrpc;
import io.holdfast.node.service.NodeMetrics;
import io.holdfast.node.stream.ImageTopics;
import io.holdfast.node.stream.StreamServices;
import io.holdfast.storage.log.DurableDirectory;
import io.holdfast.storage.state.StateTables;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A running node. {@link #start} is the list of its parts in the order they need each other; {@link #close} hands over
 * leadership, then stops them in reverse.
 */
public final class Node implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(Node.class);

    /** Decoded records that queue groups are busy with. */
    private static final long RECORD_CACHE_BYTES = 64 << 20;

    private final NodeConfig config;
    private final Consumer<String> onFatal;
    private final Steps steps = new Steps();
    private volatile String notReady = "the node is starting";
    /** Hands over what this node leads; nothing before it leads anything. */
    private volatile Runnable drain = () -> {};

    private Node(NodeConfig config, Consumer<String> onFatal) {
        this.config = config;
        this.onFatal = onFatal;
    }

    /**
     * Starts a node; returns when it serves. Blocks for as long as the cluster cannot be found or formed.
     *
     * @param version for other nodes and operators to see
     * @param onFatal called, at most a few times and on any thread, when the process must stop at once
     */
    public static Node start(NodeConfig config, String version, Consumer<String> onFatal)
            throws IOException, InterruptedException {
        Node node = new Node(config, onFatal);
        boolean started = false;
        try {
            node.startParts(version);
            started = true;
            return node;
        } finally {
            if (!started) {
                node.steps.stopAll();
            }
        }
    }

    private void startParts(String version) throws IOException, InterruptedException {
        Path data = config.dataDirectory().toAbsolutePath();
        DurableDirectory.create(data);
        steps.started("directory lock", DirectoryLock.take(data));
        DiskSpace disk = new DiskSpace(data, config.diskFreeBytesMin());
        MetricRegistry registry = new MetricRegistry();
        NodeThreads threads = steps.started("threads", new NodeThreads());
        StateTables tables =
                steps.started("state tables", StateTables.open(data.resolve("state"), data.resolve("native")));
        NodeIdentity identity = NodeIdentity.open(tables, configured(version));
        if (config.httpPort() > 0) {
            steps.started("http", new AdminHttp(config.bindHost(), config.httpPort(), registry, () -> notReady));
        }
        NodeGrpc nodeGrpc =
                new NodeGrpc(identity.self(), threads.requests, threads.blocking, config.copyBytesPerSecond());
        ApiServer server = steps.started("api", new ApiServer(config, threads.requests, nodeGrpc));
        NodeChannels channels = steps.started("channels", new NodeChannels());

        notReady = "waiting for the other nodes of cluster.initial-nodes";
        ClusterFormation.Outcome formation = new ClusterFormation(identity, config.initialNodes(), channels).run();
        ClusterState state = new ClusterState(formation.formation().getClusterId(), config.nodeId());
        state.watch(() -> stopIfTooOld(state));

        notReady = "opening the metadata group";
        PayloadReaders payloadReaders =
                steps.started("payload readers", new PayloadReaders(config.payloadReaderThreads()));
        RaftHost raft = new RaftHost(
                MetadataImage.peer(identity.self()),
                config.bindHost(),
                config.raftPort(),
                data.resolve("raft"),
                config.raft());
        steps.started("raft", raft);
        CompletableFuture<RestingGroups> restingLater = new CompletableFuture<>();
        GroupListener listener = listener(state, threads, restingLater);
        RemoteCheckpoints checkpoints = new RemoteCheckpoints(channels, node -> apiAddress(state, node));
        MetadataReplica metadata = new MetadataOpening(raft, identity, formation)
                .open(
                        tables,
                        checkpoints,
                        listener,
                        threads.blocking,
                        threads.requests,
                        image -> threads.timer.execute(() -> state.publish(image)));
        nodeGrpc.joined(formation.formation(), metadata, state);

        ParentGates gates = new ParentGates(state);
        PartitionHost partitions = new PartitionHost(
                raft,
                data.resolve("partitions"),
                tables,
                payloadReaders,
                checkpoints,
                listener,
                threads.blocking,
                node -> apiAddress(state, node),
                System::currentTimeMillis,
                threads.timer,
                new QueueResources(
                        new ImagePolicies(state, gates),
                        new RecordCache(RECORD_CACHE_BYTES),
                        threads.requests,
                        Timer.of(threads.timer),
                        () -> isAtLevel(state, FeatureLevel.SHARED_ENTRIES)),
                new StreamResources(new ImageTopics(state), threads.requests),
                new ScheduleResources(
                        threads.requests,
                        System::currentTimeMillis,
                        registry.histogram("holdfast.schedule.lateness.millis")::update),
                new PartitionSettings(
                        config.segmentBytesMax(),
                        Math.min(1 << 20, config.limits().batchBytesMax()),
                        config.limits().partitionBytesInFlightMax(),
                        config.limits().nodeBytesInFlightMax(),
                        () -> isAtLevel(state, FeatureLevel.KEPT_PAYLOADS)));
        RestingGroups resting = new RestingGroups(
                waker -> new LocalReplicas(raft, partitions, identity, state, config.openMax(), waker),
                state,
                channels,
                threads.openers,
                threads.timer,
                config.restAfter());
        restingLater.complete(resting);
        MetadataFollower follower = new MetadataFollower(
                metadata,
                config.initialNodes().keySet(),
                node -> apiAddress(state, node),
                channels,
                threads.requests,
                threads.timer);
        MetadataClient metadataClient = new MetadataClient(metadata, follower, state, channels, threads.timer);
        ReplicaReconciler reconciler = new ReplicaReconciler(
                resting, metadata, metadataClient, identity.self(), state, config, threads.openers, threads.reconciler);
        resting.replicas().restore();
        raft.start();
        nodeGrpc.serve(resting);
        follower.start();
        steps.started("metadata follower", follower);

        notReady = "registering with the metadata leader";
        new NodeRegistration(identity.self(), config.initialNodes(), channels, metadata, state)
                .run(formation.founder());

        NodeMetrics metrics = new NodeMetrics(registry);
        gauges(registry, state, partitions, disk, server);
        ApiServices services = new ApiServices(
                server,
                config,
                state,
                metadata,
                metadataClient,
                channels,
                metrics,
                threads.requests,
                threads.timer,
                disk);
        steps.started(
                "queues", new QueueServices(server, services, state, registry, gates, threads.requests, threads.timer));
        steps.started(
                "stream groups",
                new StreamServices(server, services, state, registry, threads.requests, threads.timer));
        steps.started(
                "schedules",
                new ScheduleServices(
                        server, services, state, registry, System::currentTimeMillis, threads.requests, threads.timer));
        steps.started(
                "scrub", new ScrubServices(server, services, state, identity, config, registry, threads.requests));
        steps.started("compaction", new Compactor(state, config, registry));
        reconciler.start();
        steps.started("reconciler", reconciler);
        steps.started(
                "peer watch",
                new PeerWatch(
                        identity.self(),
                        state,
                        metadata,
                        channels,
                        threads.blocking,
                        threads.timer,
                        () -> onFatal.accept(NodeRegistration.REMOVED)));
        server.setServing(true);
        drain = () -> {
            services.drain();
            server.setServing(false);
            List<RaftGroupHandle> groups = new ArrayList<>();
            state.replicas().values().forEach(replica -> groups.add(replica.group()));
            groups.add(metadata.group());
            handOver(groups);
        };
        notReady = "";
        LOG.info("node {} serves on {}", config.nodeId(), config.apiAddress());
    }

    private NodeRow configured(String version) {
        return NodeRow.newBuilder()
                .setNodeId(config.nodeId())
                .setApiAddress(config.apiAddress())
                .setRaftAddress(config.raftAddress())
                .setRack(config.rack())
                .setVersion(version)
                .setFeatureLevel(FeatureLevel.KNOWN)
                .build();
    }

    /** What this version does not understand it must not touch. */
    private void stopIfTooOld(ClusterState state) {
        int level = state.image().clusterNodes().featureLevel();
        if (level > FeatureLevel.KNOWN) {
            onFatal.accept(FeatureLevel.tooOld(config.nodeId(), FeatureLevel.KNOWN, level));
        }
    }

    private static boolean isAtLevel(ClusterState state, int level) {
        return state.image().clusterNodes().featureLevel() >= level;
    }

    /** From the metadata, or, before there is any, from the configuration. */
    private String apiAddress(ClusterState state, int node) {
        String known = state.apiAddress(node);
        return known.isEmpty() ? config.initialNodes().getOrDefault(node, "") : known;
    }

    /** @param resting there before any partition is opened */
    private GroupListener listener(ClusterState state, NodeThreads threads, CompletableFuture<RestingGroups> resting) {
        return new GroupListener() {
            @Override
            public void onLeader(GroupId group, int leaderNode) {
                threads.timer.execute(() -> state.leaderIs(group, leaderNode));
                resting.thenAcceptAsync(groups -> groups.onLeader(group, leaderNode), threads.requests);
            }

            @Override
            public void onLeading(GroupId group) {
                resting.thenAcceptAsync(groups -> groups.onLeading(group), threads.requests);
            }

            @Override
            public void onDamage(GroupId group, String reason) {
                state.damaged().put(group, reason);
            }

            @Override
            public void onDiskFailure(GroupId group, Throwable cause) {
                onFatal.accept("the disk failed under " + group + ": " + cause.getMessage()
                        + ". What reached it is unknown, so this process stops; the other replicas have everything"
                        + " that was acknowledged");
            }
        };
    }

    private static void gauges(
            MetricRegistry registry, ClusterState state, PartitionHost partitions, DiskSpace disk, ApiServer server) {
        registry.register(
                "holdfast.partitions", (Gauge<Integer>) () -> state.replicas().size());
        registry.register("holdfast.partitions.leading", (Gauge<Long>) () -> state.replicas().values().stream()
                .filter(r -> r.group().isLeader())
                .count());
        registry.register("holdfast.partitions.resting", (Gauge<Long>) () -> state.replicas().values().stream()
                .filter(PartitionReplica::isAtRest)
                .count());
        registry.register("holdfast.partitions.damaged", (Gauge<Integer>)
                () -> state.damaged().size());
        registry.register("holdfast.append.inflight.bytes", (Gauge<Long>)
                () -> partitions.nodeBudget().used());
        registry.register("holdfast.read.waiting", (Gauge<Integer>) () -> state.replicas().values().stream()
                .mapToInt(PartitionReplica::waiters)
                .sum());
        registry.register("holdfast.segment.written.bytes", (Gauge<Long>) () -> state.replicas().values().stream()
                .mapToLong(replica -> replica.log().bytesWritten())
                .sum());
        registry.register("holdfast.segment.flushes", (Gauge<Long>) () -> state.replicas().values().stream()
                .mapToLong(replica -> replica.log().flushes())
                .sum());
        registry.register("holdfast.disk.free.bytes", (Gauge<Long>) disk::freeBytes);
        registry.register("holdfast.connections", (Gauge<Integer>) server::connections);
    }

    /** Gives the groups that this node leads to another member each, so that nobody has to wait for an election. */
    private void handOver(List<RaftGroupHandle> groups) {
        long deadline = System.nanoTime() + config.shutdownTimeout().toNanos();
        List<CompletableFuture<?>> transfers = new ArrayList<>();
        for (RaftGroupHandle group : groups) {
            if (!group.isLeader()) {
                continue;
            }
            List<Peer> others = new ArrayList<>(group.members());
            others.removeIf(peer -> peer.nodeId() == config.nodeId());
            others.sort(Comparator.comparing(peer -> !group.isCaughtUp(peer.nodeId()))); // the ready ones first
            if (!others.isEmpty()) {
                transfers.add(transfer(group, others, 0, deadline));
            }
        }
        try {
            CompletableFuture.allOf(transfers.toArray(CompletableFuture[]::new))
                    .get(Math.max(0, deadline - System.nanoTime()), TimeUnit.NANOSECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (java.util.concurrent.ExecutionException | java.util.concurrent.TimeoutException e) {
            LOG.info("not every group found a new leader before the stop: {}", String.valueOf(e.getMessage()));
        }
    }

    private static CompletableFuture<?> transfer(RaftGroupHandle group, List<Peer> others, int next, long deadline) {
        if (next == others.size() || System.nanoTime() > deadline || !group.isLeader()) {
            return CompletableFuture.completedFuture(null);
        }
        return group.transferLeadership(others.get(next), Duration.ofSeconds(2))
                .handle((ok, failure) -> failure == null)
                .thenCompose(done ->
                        done ? CompletableFuture.completedFuture(null) : transfer(group, others, next + 1, deadline));
    }

    /** Address of the API. */
    public String address() {
        return config.apiAddress();
    }

    @Override
    public void close() {
        notReady = "the node is stopping";
        drain.run();
        steps.stopAll();
        LOG.info("node {} has stopped", config.nodeId());
    }
}
