package io.holdfast.consensus.raft.transport;

import io.netty.bootstrap.Bootstrap;
import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInitializer;
import io.netty.channel.ChannelOption;
import io.netty.channel.WriteBufferWaterMark;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.ratis.protocol.exceptions.TimeoutIOException;
import org.apache.ratis.thirdparty.com.google.protobuf.InvalidProtocolBufferException;
import org.apache.ratis.thirdparty.com.google.protobuf.MessageLite;
import org.apache.ratis.thirdparty.com.google.protobuf.Parser;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The way to a peer: one connection that carries the requests of all groups, in the order they were sent. Connects when
 * it is first needed, and again for as long as somebody waits for it. A request that cannot be sent, is lost with the
 * connection or is not answered in time fails; nothing is sent twice. Any thread; futures complete on an event loop.
 */
final class PeerLink {
    private static final Logger LOG = LoggerFactory.getLogger(PeerLink.class);
    private static final long RECONNECT_MS_MIN = 20;
    private static final long RECONNECT_MS_MAX = 500;
    private static final int CONNECT_MS = 1_000;
    private static final long TIMEOUT_CHECK_MS = 200;
    private static final int TURNS = 32;
    private static final WriteBufferWaterMark WATER_MARK = new WriteBufferWaterMark(4 << 20, 8 << 20);

    private final String address;
    private final Bootstrap bootstrap;
    private final long timeoutNanos;
    private final AtomicLong calls = new AtomicLong();
    private final Queue<Runnable> waiters = new ConcurrentLinkedQueue<>();
    private volatile @Nullable Connection connection;
    /** Guarded by this. */
    private boolean connecting;

    private long reconnectMs = RECONNECT_MS_MIN;
    private boolean closed;

    private record Call<T>(Parser<T> parser, CompletableFuture<T> answer, long sentNanos) {}

    PeerLink(String address, Bootstrap events, int bodyBytesMax, long timeoutNanos) {
        this.address = address;
        this.timeoutNanos = timeoutNanos;
        int colon = address.lastIndexOf(':');
        this.bootstrap = events.clone()
                .remoteAddress(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))
                .option(ChannelOption.TCP_NODELAY, true)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, CONNECT_MS)
                .option(ChannelOption.WRITE_BUFFER_WATER_MARK, WATER_MARK)
                .handler(new ChannelInitializer<Channel>() {
                    @Override
                    protected void initChannel(Channel channel) {
                        channel.pipeline().addLast(new Connection(channel, bodyBytesMax));
                    }
                });
    }

    /** Whether a request sent now goes out soon. */
    boolean isReady() {
        Connection now = connection;
        return now != null && now.channel.isWritable();
    }

    /** Runs the task, once, when it is worth looking at {@link #isReady} again; sees to it that there is a connection. */
    void whenReady(Runnable task) {
        waiters.add(task);
        Connection now = connection;
        if (now == null) {
            connect();
        } else if (now.channel.isWritable()) {
            wake();
        }
    }

    /** The task is no longer of interest. */
    void forget(Runnable task) {
        waiters.remove(task);
    }

    private void wake() {
        for (Runnable task = waiters.poll(); task != null; task = waiters.poll()) {
            task.run();
        }
    }

    /** Fails at once if there is no connection. */
    <T> CompletableFuture<T> send(Frame.Kind kind, MessageLite request, Parser<T> answers) {
        Connection now = connection;
        if (now == null) {
            connect();
            return CompletableFuture.failedFuture(new IOException("not connected to " + address));
        }
        return now.send(kind, request, answers);
    }

    /**
     * As {@link #send}, for a thread that can wait: a few such requests are under way at a time, and one counts until it is
     * answered or the connection is lost, however long that takes. What the other end has no time for is not sent, instead of
     * keeping it busy with questions that nobody wants answered any more.
     *
     * @param timeoutMs to wait for its turn
     */
    <T> CompletableFuture<T> sendInTurn(Frame.Kind kind, MessageLite request, Parser<T> answers, long timeoutMs)
            throws InterruptedException {
        Connection now = connection;
        if (now == null) {
            return send(kind, request, answers);
        }
        if (!now.turns.tryAcquire(timeoutMs, TimeUnit.MILLISECONDS)) {
            return CompletableFuture.failedFuture(new TimeoutIOException(address + " has not answered those before"));
        }
        return now.send(kind, request, answers, true);
    }

    private void connect() {
        synchronized (this) {
            if (connecting || closed || connection != null) {
                return;
            }
            connecting = true;
        }
        bootstrap.connect().addListener((ChannelFuture done) -> {
            if (!done.isSuccess()) {
                retryLater(done.channel());
            }
        });
    }

    private void retryLater(Channel channel) {
        long delay;
        synchronized (this) {
            connecting = false;
            delay = reconnectMs;
            reconnectMs = Math.min(2 * reconnectMs, RECONNECT_MS_MAX);
        }
        if (!waiters.isEmpty() && !channel.eventLoop().isShuttingDown()) {
            channel.eventLoop().schedule(this::connect, delay, TimeUnit.MILLISECONDS);
        }
    }

    void close() {
        Connection now;
        synchronized (this) {
            closed = true;
            now = connection;
        }
        if (now != null) {
            now.channel.close();
        }
    }

    /** One life of the connection. */
    private final class Connection extends FrameReader {
        private final Channel channel;
        private final Outbox outbox;
        private final Map<Long, Call<?>> open = new ConcurrentHashMap<>();
        private final Semaphore turns = new Semaphore(TURNS);
        /** Calls that have a turn, also those that took too long. */
        private final Set<Long> inTurn = ConcurrentHashMap.newKeySet();

        private volatile boolean lost;

        Connection(Channel channel, int bodyBytesMax) {
            super(bodyBytesMax, false);
            this.channel = channel;
            this.outbox = new Outbox(channel);
        }

        <T> CompletableFuture<T> send(Frame.Kind kind, MessageLite request, Parser<T> answers) {
            return send(kind, request, answers, false);
        }

        /** @param hasTurn that is over when an answer comes, not when it only takes too long */
        <T> CompletableFuture<T> send(Frame.Kind kind, MessageLite request, Parser<T> answers, boolean hasTurn) {
            long number = calls.incrementAndGet();
            if (hasTurn) {
                inTurn.add(number);
            }
            Call<T> call = new Call<>(answers, new CompletableFuture<>(), System.nanoTime());
            ByteBuf message = Frame.encode(channel.alloc(), kind, number, request);
            open.put(number, call);
            outbox.put(message);
            if (lost) { // whoever cleaned up may have missed it
                failAll(new IOException("lost the connection to " + address));
                outbox.discard();
            }
            return call.answer;
        }

        @Override
        public void channelActive(ChannelHandlerContext context) {
            context.writeAndFlush(channel.alloc().buffer(Long.BYTES).writeLong(Frame.PREAMBLE));
            boolean unwanted;
            synchronized (PeerLink.this) {
                connecting = false;
                reconnectMs = RECONNECT_MS_MIN;
                unwanted = closed;
                connection = this;
            }
            if (unwanted) {
                context.close();
                return;
            }
            channel.eventLoop().schedule(this::checkTimeouts, TIMEOUT_CHECK_MS, TimeUnit.MILLISECONDS);
            LOG.debug("connected to {}", address);
            wake();
        }

        @Override
        public void channelWritabilityChanged(ChannelHandlerContext context) {
            if (channel.isWritable()) {
                wake();
            }
        }

        @Override
        void onFrame(Frame frame) {
            if (inTurn.remove(frame.call())) {
                turns.release();
            }
            Call<?> call = open.remove(frame.call());
            if (call != null) {
                answer(call, frame);
            }
        }

        private <T> void answer(Call<T> call, Frame frame) {
            if (frame.kind() != Frame.Kind.ANSWER) {
                call.answer.completeExceptionally(new IOException(address + " refused: " + frame.text()));
                return;
            }
            T parsed;
            try {
                parsed = frame.parse(call.parser);
            } catch (InvalidProtocolBufferException e) {
                call.answer.completeExceptionally(e);
                return;
            }
            call.answer.complete(parsed);
        }

        private void checkTimeouts() {
            if (lost) {
                return;
            }
            long now = System.nanoTime();
            List<Long> late = new ArrayList<>();
            open.forEach((number, call) -> {
                if (now - call.sentNanos > timeoutNanos) {
                    late.add(number);
                }
            });
            for (long number : late) {
                Call<?> call = open.remove(number);
                if (call != null) {
                    call.answer.completeExceptionally(new TimeoutIOException("no answer from " + address));
                }
            }
            channel.eventLoop().schedule(this::checkTimeouts, TIMEOUT_CHECK_MS, TimeUnit.MILLISECONDS);
        }

        @Override
        public void channelInactive(ChannelHandlerContext context) {
            synchronized (PeerLink.this) {
                if (connection == this) {
                    connection = null;
                }
                lost = true;
            }
            LOG.debug("lost the connection to {}", address);
            failAll(new IOException("lost the connection to " + address));
            outbox.discard();
            if (!waiters.isEmpty()) {
                connect();
            }
        }

        private void failAll(IOException cause) {
            turns.release(TURNS); // nobody needs to wait for this connection
            for (Long number : List.copyOf(open.keySet())) {
                Call<?> call = open.remove(number);
                if (call != null) {
                    call.answer.completeExceptionally(cause);
                }
            }
        }
    }
}
