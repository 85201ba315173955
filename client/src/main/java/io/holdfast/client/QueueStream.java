package io.holdfast.client;

import com.google.protobuf.util.Durations;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import io.holdfast.v1.Credit;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.PollRequest;
import io.holdfast.v1.PollResponse;
import io.holdfast.v1.QueueServiceGrpc;
import io.holdfast.v1.ReceiveRequest;
import io.holdfast.v1.ReceiveResponse;
import io.holdfast.v1.SettleRequest;
import io.holdfast.v1.SettleResponse;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.WriteOutcome;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * A consumer's Receive stream, at one node after another: at the one that leads most of the partitions, where there is one,
 * since what it asks need go no further then. When it breaks it is opened elsewhere, and settlements that
 * were not answered are sent again. One that was answered with LEASE_LOST after it had been sent twice may have been
 * accepted the first time: its outcome is said to be unknown. Any thread.
 */
final class QueueStream {
    private static final int SETTLEMENTS_PER_REQUEST = 1000;
    private static final int REQUESTS_UNDER_WAY_MAX = 4;
    private static final long RECONNECT_MS = 100;
    private static final long AGAIN_MS = 50;
    /** A new client, or one with a new topic, is told who leads within this time, or it does not matter. */
    private static final long ROUTES_PATIENCE_MS = 500;
    /** The server speaks every 5 s. */
    private static final long SILENCE_NANOS = TimeUnit.SECONDS.toNanos(12);

    private final QueueSettings settings;
    private final Connections connections;
    private final RoutingCache routes;
    private final ScheduledExecutorService timer;
    private final Listener listener;
    private final Deque<Waiting> waiting = new ArrayDeque<>();
    private final Deque<List<Waiting>> underWay = new ArrayDeque<>();
    private @Nullable StreamObserver<ReceiveRequest> out;
    private Context.@Nullable CancellableContext context;
    private int generation;
    private int node;
    /** Where the stream is, or was last; empty before the first. */
    private String address = "";

    private long heardNanos;
    private boolean closed;

    /** Called on gRPC's threads, one at a time. */
    interface Listener {
        void deliveries(PollResponse response);

        /** A new stream begins: records that the server is free to lease. */
        int creditAtStart();

        void failed(HoldfastException failure);
    }

    private static final class Waiting {
        final Settlement settlement;
        final CompletableFuture<Void> result = new CompletableFuture<>();
        int sent;

        Waiting(Settlement settlement) {
            this.settlement = settlement;
        }
    }

    QueueStream(
            QueueSettings settings,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Listener listener) {
        this.settings = settings;
        this.connections = connections;
        this.routes = routes;
        this.timer = timer;
        this.listener = listener;
        node = Math.floorMod(settings.member().hashCode(), connections.known().size());
    }

    /** Opens the stream as soon as it is known who leads, and anywhere if that takes too long. */
    void start() {
        AtomicBoolean begun = new AtomicBoolean();
        Runnable begin = () -> {
            if (begun.compareAndSet(false, true) && !timer.isShutdown()) {
                timer.execute(this::connect);
            }
        };
        Runnable beginIfKnown = () -> {
            if (routes.knowsLeaders(settings.topic(), settings.partitions())) {
                begin.run();
            }
        };
        routes.onChange(beginIfKnown);
        beginIfKnown.run();
        timer.schedule(
                () -> {
                    routes.forget(beginIfKnown);
                    begin.run();
                },
                ROUTES_PATIENCE_MS,
                TimeUnit.MILLISECONDS);
    }

    /** Another one than where the stream was, if there is. */
    private String nextAddress() {
        String leader = routes.leaderOfMost(settings.topic(), settings.partitions());
        if (leader != null && !leader.equals(address)) {
            return leader;
        }
        List<String> addresses = connections.known();
        String next = addresses.get(Math.floorMod(node, addresses.size()));
        return next.equals(address) ? addresses.get(Math.floorMod(node + 1, addresses.size())) : next;
    }

    private synchronized void connect() {
        if (closed) {
            return;
        }
        int mine = ++generation;
        heardNanos = System.nanoTime();
        address = nextAddress();
        connections.retryNow(address);
        Context.CancellableContext opened = Context.ROOT.withCancellation();
        context = opened;
        opened.run(() -> out = QueueServiceGrpc.newStub(connections.to(address)).receive(new StreamObserver<>() {
            @Override
            public void onNext(ReceiveResponse response) {
                take(mine, response);
            }

            @Override
            public void onError(Throwable t) {
                broken(mine, HoldfastException.of(t));
            }

            @Override
            public void onCompleted() {
                broken(
                        mine,
                        HoldfastException.notApplied(
                                ErrorReason.ERROR_REASON_UNAVAILABLE, "the node ended the stream"));
            }
        }));
        PollRequest.Builder open = PollRequest.newBuilder()
                .setTopic(settings.topic())
                .setGroup(settings.group())
                .setMember(settings.member())
                .addAllPartitions(settings.partitions());
        java.time.Duration lease = settings.lease();
        if (lease != null) {
            open.setLease(Durations.fromMillis(lease.toMillis()));
        }
        send(ReceiveRequest.newBuilder().setOpen(open).build());
        credit(listener.creditAtStart());
        List<Waiting> unanswered = new ArrayList<>();
        underWay.forEach(unanswered::addAll);
        underWay.clear();
        for (int i = unanswered.size() - 1; i >= 0; i--) {
            waiting.addFirst(unanswered.get(i));
        }
        sendSettlements();
    }

    private void send(ReceiveRequest request) {
        StreamObserver<ReceiveRequest> to = out;
        if (to != null) {
            to.onNext(request);
        }
    }

    synchronized void credit(int records) {
        if (records > 0 && !closed) {
            send(ReceiveRequest.newBuilder()
                    .setCredit(Credit.newBuilder().setRecords(records))
                    .build());
        }
    }

    synchronized CompletableFuture<Void> settle(Settlement settlement) {
        if (closed) {
            return CompletableFuture.failedFuture(HoldfastException.notApplied(
                    ErrorReason.ERROR_REASON_UNAVAILABLE, "settle before you close the consumer"));
        }
        Waiting one = new Waiting(settlement);
        waiting.add(one);
        sendSettlements();
        return one.result;
    }

    /** Few requests under way, so that what comes meanwhile goes together. */
    private void sendSettlements() {
        while (!waiting.isEmpty() && underWay.size() < REQUESTS_UNDER_WAY_MAX) {
            SettleRequest.Builder request = SettleRequest.newBuilder();
            List<Waiting> part = new ArrayList<>();
            while (!waiting.isEmpty() && part.size() < SETTLEMENTS_PER_REQUEST) {
                Waiting one = waiting.remove();
                one.sent++;
                part.add(one);
                request.addSettlements(one.settlement);
            }
            underWay.add(part);
            send(ReceiveRequest.newBuilder().setSettle(request).build());
        }
    }

    private synchronized void sendLater() {
        if (!closed && out != null) {
            sendSettlements();
        }
    }

    private void take(int from, ReceiveResponse response) {
        synchronized (this) {
            if (from != generation || closed) {
                return;
            }
            heardNanos = System.nanoTime();
        }
        if (response.hasSettled()) {
            settled(response.getSettled());
        } else {
            listener.deliveries(response.getPoll());
        }
    }

    private void settled(SettleResponse response) {
        List<Waiting> part;
        List<Runnable> completions = new ArrayList<>();
        synchronized (this) {
            part = underWay.poll();
            if (part == null || part.size() != response.getResultsCount()) {
                throw new IllegalStateException("the answer fits no request");
            }
            boolean later = false;
            for (int i = 0; i < part.size(); i++) {
                Waiting one = part.get(i);
                ItemError error = response.getResults(i);
                if (error.getReason() == ErrorReason.ERROR_REASON_UNSPECIFIED) {
                    completions.add(() -> one.result.complete(null));
                } else if (HoldfastException.of(error).isPassing() && !closed) {
                    waiting.add(one); // its partition has no leader right now, or too much to do
                    later = true;
                } else {
                    completions.add(() -> one.result.completeExceptionally(failure(one, error)));
                }
            }
            if (!later) {
                sendSettlements();
            } else if (!timer.isShutdown()) {
                timer.schedule(this::sendLater, AGAIN_MS, TimeUnit.MILLISECONDS);
            }
        }
        completions.forEach(Runnable::run);
    }

    private static HoldfastException failure(Waiting one, ItemError error) {
        boolean lost = error.getReason() == ErrorReason.ERROR_REASON_LEASE_LOST;
        return lost && one.sent > 1
                ? new HoldfastException(
                        error.getReason(),
                        WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                        "it was sent before the connection broke, and may have been accepted then: "
                                + error.getMessage())
                : HoldfastException.of(error);
    }

    private void broken(int from, HoldfastException failure) {
        boolean passing = failure.isPassing();
        synchronized (this) {
            if (from != generation || closed || timer.isShutdown()) {
                return;
            }
            out = null;
            node++;
            if (passing) {
                timer.schedule(this::connect, RECONNECT_MS, TimeUnit.MILLISECONDS);
            }
        }
        if (!passing) {
            listener.failed(failure);
            fail(failure);
        }
    }

    /** A node that says nothing for too long is left for another. */
    void checkAlive() {
        int silent;
        synchronized (this) {
            if (closed || out == null || System.nanoTime() - heardNanos < SILENCE_NANOS) {
                return;
            }
            silent = generation;
            cancel();
        }
        broken(silent, HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "the node is silent"));
    }

    private void cancel() {
        out = null;
        Context.CancellableContext open = context;
        if (open != null) {
            open.cancel(null);
        }
    }

    private void fail(HoldfastException failure) {
        List<Waiting> all = new ArrayList<>();
        synchronized (this) {
            closed = true;
            underWay.forEach(all::addAll);
            all.addAll(waiting);
            underWay.clear();
            waiting.clear();
            cancel();
        }
        all.forEach(one -> one.result.completeExceptionally(failure));
    }

    synchronized boolean isSettling() {
        return !waiting.isEmpty() || !underWay.isEmpty();
    }

    void close() {
        fail(new HoldfastException(
                ErrorReason.ERROR_REASON_UNAVAILABLE,
                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                "the consumer was closed before the answer came"));
    }
}
