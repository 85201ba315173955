package io.holdfast.consensus.raft.transport;

import io.netty.bootstrap.Bootstrap;
import io.netty.bootstrap.ServerBootstrap;
import io.netty.channel.Channel;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.util.concurrent.DefaultThreadFactory;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.net.InetSocketAddress;
import java.util.Collection;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.LinkedTransferQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.ratis.proto.RaftProtos.AppendEntriesReplyProto;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotReplyProto;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.RaftRpcRequestProto;
import org.apache.ratis.proto.RaftProtos.ReadIndexReplyProto;
import org.apache.ratis.proto.RaftProtos.ReadIndexRequestProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteReplyProto;
import org.apache.ratis.proto.RaftProtos.RequestVoteRequestProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionReplyProto;
import org.apache.ratis.proto.RaftProtos.StartLeaderElectionRequestProto;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.RaftGroupId;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.protocol.RaftPeerId;
import org.apache.ratis.protocol.TransferLeadershipRequest;
import org.apache.ratis.rpc.RpcType;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerRpc;
import org.apache.ratis.server.protocol.RaftServerAsynchronousProtocol;
import org.apache.ratis.thirdparty.com.google.protobuf.MessageLite;
import org.apache.ratis.thirdparty.com.google.protobuf.Parser;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ratis' way between nodes, ours instead of its gRPC: per pair of nodes and direction one connection for all groups,
 * heartbeats and entries of many groups in one system call, no stream, thread or buffer for each. Owns the threads that
 * carry and drive this: event loops for what arrives, others for what is sent, a few for appenders.
 */
final class RaftTransport implements RaftServerRpc {
    private static final int CORES = Runtime.getRuntime().availableProcessors();
    private static final int LOOPS = Math.max(1, Math.min(4, CORES / 2));
    private static final int APPENDER_THREADS = Math.max(4, 2 * CORES);
    /** Many, since each may wait for the end of an election; they go when they are not needed. */
    private static final int BLOCKING_THREADS = 256;

    private static final long CONNECT_MS = 200;

    private static final Logger LOG = LoggerFactory.getLogger(RaftTransport.class);

    private final RaftServer server;
    private final TransportSettings settings;
    private final EventLoopGroup acceptLoop = loops("raft-accept", 1);
    private final EventLoopGroup inLoops = loops("raft-in", LOOPS);
    private final EventLoopGroup outLoops = loops("raft-out", LOOPS);
    private final ThreadPoolExecutor appenderThreads = pool("raft-append", APPENDER_THREADS);
    private final ThreadPoolExecutor blocking = reusing("raft-call", BLOCKING_THREADS);
    private final ScheduledThreadPoolExecutor timer =
            new ScheduledThreadPoolExecutor(1, new DefaultThreadFactory("raft-timer", true));
    private final Map<RaftGroupId, Set<PipelinedAppender>> appenders = new ConcurrentHashMap<>();
    private final UnflushedAppends unflushed;
    private final ClientId clientId = ClientId.randomId();
    private final AtomicLong callIds = new AtomicLong();
    private final Set<RaftGroupId> steppingDown = ConcurrentHashMap.newKeySet();
    private final Map<RaftPeerId, String> addresses = new ConcurrentHashMap<>();
    private final Map<String, PeerLink> links = new ConcurrentHashMap<>();
    private volatile @Nullable Channel listening;

    RaftTransport(RaftServer server, TransportSettings settings) {
        this.server = server;
        this.settings = settings;
        this.unflushed = new UnflushedAppends(settings.timeoutMs());
    }

    private static EventLoopGroup loops(String name, int threads) {
        return new MultiThreadIoEventLoopGroup(
                threads, new DefaultThreadFactory(name, true), NioIoHandler.newFactory());
    }

    private static ThreadPoolExecutor pool(String name, int threads) {
        ThreadPoolExecutor pool = new ThreadPoolExecutor(
                threads,
                threads,
                30,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                new DefaultThreadFactory(name, true));
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    /**
     * Starts a thread only when none is free: to start one takes the caller long when there is much to do, and this one is an
     * event loop.
     */
    private static ThreadPoolExecutor reusing(String name, int threadsMax) {
        LinkedTransferQueue<Runnable> queue = new LinkedTransferQueue<>() {
            @Override
            public boolean offer(Runnable task) {
                return tryTransfer(task);
            }
        };
        return new ThreadPoolExecutor(
                1, threadsMax, 30, TimeUnit.SECONDS, queue, new DefaultThreadFactory(name, true), (task, pool) -> {
                    if (pool.isShutdown()) {
                        throw new RejectedExecutionException("closed");
                    }
                    queue.put(task); // all are busy
                });
    }

    @Override
    public void start() throws IOException {
        try {
            listening = new ServerBootstrap()
                    .group(acceptLoop, inLoops)
                    .channel(NioServerSocketChannel.class)
                    .option(ChannelOption.SO_REUSEADDR, true)
                    .childOption(ChannelOption.TCP_NODELAY, true)
                    .childHandler(new ChannelInitializer<Channel>() {
                        @Override
                        protected void initChannel(Channel channel) {
                            channel.pipeline()
                                    .addLast(new InboundCalls(
                                            channel,
                                            server,
                                            RaftTransport.this::confirmLeader,
                                            settings.openGroups(),
                                            unflushed,
                                            blocking,
                                            settings.messageBytesMax()));
                        }
                    })
                    .bind(settings.bindHost(), settings.bindPort())
                    .sync()
                    .channel();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while the Raft port was being opened");
        } catch (Exception e) { // netty throws a checked BindException that it does not declare
            throw new IOException(
                    "cannot listen on " + settings.bindHost() + ":" + settings.bindPort() + ": " + e.getMessage(), e);
        }
        long tick = settings.heartbeatTickMs();
        timer.scheduleWithFixedDelay(this::tick, tick, tick, TimeUnit.MILLISECONDS);
    }

    /** One timer for the heartbeats of all groups that this node leads. */
    private void tick() {
        appenders.forEach((group, ofGroup) -> {
            try {
                ofGroup.forEach(PipelinedAppender::tick);
                lookForMajority(group, ofGroup);
            } catch (RuntimeException e) { // of a group that is being closed; the others' heartbeats must go on
                LOG.debug("{}: {}", group, e.toString());
            }
        });
    }

    /**
     * Has a leader step down that a majority does not answer. Ratis by itself looks only when nothing has happened in the
     * group for an election timeout, and so never as long as clients still reach the leader and send.
     */
    private void lookForMajority(RaftGroupId group, Set<PipelinedAppender> ofGroup) {
        PipelinedAppender silent = null;
        for (PipelinedAppender appender : ofGroup) {
            if (!appender.hasHeardFor(settings.silenceMsMax())) {
                silent = appender;
            }
        }
        if (silent == null) {
            return;
        }
        Set<RaftPeerId> heard = new HashSet<>();
        ofGroup.stream()
                .filter(appender -> appender.hasHeardFor(settings.silenceMsMax()))
                .forEach(appender -> heard.add(appender.getFollowerId()));
        if (!Majority.has(silent.getServer(), heard::contains) && steppingDown.add(group)) {
            blocking.execute(() -> stepDown(group));
        }
    }

    private void stepDown(RaftGroupId group) {
        try {
            LOG.warn("{} steps down: a majority has not answered for {} ms", group, settings.silenceMsMax());
            server.transferLeadershipAsync(new TransferLeadershipRequest(
                            clientId, server.getId(), group, callIds.incrementAndGet(), null, settings.timeoutMs()))
                    .whenComplete((reply, failure) -> steppingDown.remove(group));
        } catch (IOException | RuntimeException e) {
            LOG.warn("{} does not step down: {}", group, e.toString());
            steppingDown.remove(group);
        }
    }

    // ---- for the appenders

    void register(PipelinedAppender appender) {
        appenders.compute(groupOf(appender), (group, known) -> {
            Set<PipelinedAppender> all = known == null ? ConcurrentHashMap.newKeySet() : known;
            all.add(appender);
            return all;
        });
    }

    void unregister(PipelinedAppender appender) {
        appenders.computeIfPresent(groupOf(appender), (group, known) -> {
            known.remove(appender);
            return known.isEmpty() ? null : known;
        });
    }

    private static RaftGroupId groupOf(PipelinedAppender appender) {
        return appender.getServer().getMemberId().getGroupId();
    }

    /** Up to which index a follower has the log, as far as this leader knows; -1 if it knows nothing. */
    long matchIndex(RaftGroupId group, RaftPeerId follower) {
        return appenders.getOrDefault(group, Set.of()).stream()
                .filter(appender -> appender.getFollowerId().equals(follower))
                .mapToLong(appender -> appender.getFollower().getMatchIndex())
                .max()
                .orElse(-1);
    }

    void execute(Runnable step) {
        appenderThreads.execute(step);
    }

    void schedule(Runnable task, long delayMs) {
        timer.schedule(task, delayMs, TimeUnit.MILLISECONDS);
    }

    PeerLink link(RaftPeer peer) {
        return link(peer.getAddress());
    }

    private PeerLink link(String address) {
        return links.computeIfAbsent(
                address,
                to -> new PeerLink(
                        to,
                        new Bootstrap().group(outLoops).channel(NioSocketChannel.class),
                        settings.messageBytesMax(),
                        TimeUnit.MILLISECONDS.toNanos(settings.timeoutMs())));
    }

    // ---- for readers

    /**
     * If this node leads the group: completes when a majority has said, after this was called, that it has no newer
     * leader. Else there is nothing to confirm, and it is done.
     */
    CompletableFuture<Void> confirmLeader(RaftServer.Division division) {
        return LeaderConfirmation.of(
                division, appenders.getOrDefault(division.getMemberId().getGroupId(), Set.of()));
    }

    // ---- Ratis' side

    @Override
    public void addRaftPeers(Collection<RaftPeer> peers) {
        peers.forEach(peer -> {
            if (peer.getAddress() != null) {
                addresses.put(peer.getId(), peer.getAddress());
            }
        });
    }

    @Override
    public void handleException(RaftPeerId serverId, Exception e, boolean reconnect) {
        // A link looks after itself.
    }

    @Override
    public RequestVoteReplyProto requestVote(RequestVoteRequestProto request) throws IOException {
        if (!request.getPreVote()) { // it has voted for itself
            DurableVotes.flush(server.getDivision(RaftGroupId.valueOf(
                    request.getServerRequest().getRaftGroupId().getId())));
        }
        return call(Frame.Kind.VOTE, request.getServerRequest(), request, RequestVoteReplyProto.parser());
    }

    @Override
    public StartLeaderElectionReplyProto startLeaderElection(StartLeaderElectionRequestProto request)
            throws IOException {
        return call(Frame.Kind.ELECT, request.getServerRequest(), request, StartLeaderElectionReplyProto.parser());
    }

    @Override
    public AppendEntriesReplyProto appendEntries(AppendEntriesRequestProto request) {
        throw new UnsupportedOperationException("appenders send for themselves");
    }

    @Override
    public InstallSnapshotReplyProto installSnapshot(InstallSnapshotRequestProto request) {
        throw new UnsupportedOperationException("appenders send for themselves");
    }

    @Override
    public RaftServerAsynchronousProtocol async() {
        return new RaftServerAsynchronousProtocol() {
            @Override
            public CompletableFuture<AppendEntriesReplyProto> appendEntriesAsync(AppendEntriesRequestProto request) {
                throw new UnsupportedOperationException("appenders send for themselves");
            }

            @Override
            public CompletableFuture<ReadIndexReplyProto> readIndexAsync(ReadIndexRequestProto request)
                    throws IOException {
                return linkOf(request.getServerRequest())
                        .send(Frame.Kind.READ_INDEX, request, ReadIndexReplyProto.parser());
            }
        };
    }

    private PeerLink linkOf(RaftRpcRequestProto request) throws IOException {
        RaftPeerId peer = RaftPeerId.valueOf(request.getReplyId());
        String address = addresses.get(peer);
        if (address == null) {
            throw new IOException("no address of " + peer + " is known");
        }
        return link(address);
    }

    /** Waits for a connection, a little, and then for the answer. */
    private <T> T call(Frame.Kind kind, RaftRpcRequestProto header, MessageLite request, Parser<T> answers)
            throws IOException {
        PeerLink link = linkOf(header);
        try {
            if (!link.isReady()) {
                awaitReady(link);
            }
            return link.sendInTurn(kind, request, answers, settings.timeoutMs())
                    .get(settings.timeoutMs(), TimeUnit.MILLISECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while calling " + RaftPeerId.valueOf(header.getReplyId()));
        } catch (TimeoutException e) {
            throw new IOException("no answer from " + RaftPeerId.valueOf(header.getReplyId()), e);
        } catch (ExecutionException e) {
            Throwable cause = e.getCause();
            throw new IOException(cause == null ? e.toString() : cause.getMessage(), cause);
        }
    }

    private static void awaitReady(PeerLink link) throws InterruptedException, ExecutionException, TimeoutException {
        CompletableFuture<Void> ready = new CompletableFuture<>();
        Runnable task = () -> ready.complete(null);
        link.whenReady(task);
        try {
            ready.get(CONNECT_MS, TimeUnit.MILLISECONDS);
        } finally {
            link.forget(task);
        }
    }

    @Override
    public InetSocketAddress getInetSocketAddress() {
        Channel bound = listening;
        return bound == null
                ? InetSocketAddress.createUnresolved(settings.bindHost(), settings.bindPort())
                : (InetSocketAddress) bound.localAddress();
    }

    @Override
    public RpcType getRpcType() {
        return TransportType.INSTANCE;
    }

    @Override
    public void close() {
        Channel bound = listening;
        if (bound != null) {
            bound.close();
        }
        links.values().forEach(PeerLink::close);
        timer.shutdownNow();
        appenderThreads.shutdownNow();
        blocking.shutdownNow();
        for (EventLoopGroup loops : new EventLoopGroup[] {acceptLoop, inLoops, outLoops}) {
            loops.shutdownGracefully(0, 1, TimeUnit.SECONDS);
        }
    }
}
