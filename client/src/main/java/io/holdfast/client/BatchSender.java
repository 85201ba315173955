package io.holdfast.client;

import com.google.protobuf.ByteString;
import io.holdfast.client.RoutingCache.PartitionKey;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.PublishStreamResponse;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Sends a producer's batches to the leaders of their partitions, decides what each answer means, and sends again what may
 * not have been stored. Called with the producer's lock held, but for what connections have to say. Callers are told without
 * it.
 */
final class BatchSender {
    /** Unanswered bytes per partition, unless that were fewer than the eager batches: enough to keep a leader busy. */
    private static final long BYTES_IN_FLIGHT = 4 << 20;

    private final ProducerSettings settings;
    private final ProducerIdentity identity;
    private final RecordAccumulator accumulator;
    private final KeyPlacement placement;
    private final Connections connections;
    private final RoutingCache routes;
    private final ScheduledExecutorService timer;
    private final Executor callbacks;
    private final Object lock;
    private final Map<String, PublishConnection> streams = new HashMap<>();
    private final Map<PartitionKey, ByteString> tokens = new HashMap<>();
    private boolean flushing;
    private boolean closed;

    BatchSender(
            ProducerSettings settings,
            ProducerIdentity identity,
            RecordAccumulator accumulator,
            KeyPlacement placement,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Executor callbacks,
            Object lock) {
        this.settings = settings;
        this.identity = identity;
        this.accumulator = accumulator;
        this.placement = placement;
        this.connections = connections;
        this.routes = routes;
        this.timer = timer;
        this.callbacks = callbacks;
        this.lock = lock;
    }

    // ---- sending; under the lock

    /** Until {@link #flushed}, nothing waits for company. */
    void flush() {
        flushing = true;
        accumulator.lanes().forEach(this::pump);
    }

    void flushed() {
        flushing = false;
    }

    /** Sends what a lane has, as far as that may be sent now. */
    void pump(Lane lane) {
        while (!closed && mayHaveSomethingToSend(lane)) {
            long now = System.nanoTime();
            if (lane.waitNanos(now) > 0) {
                wakeIn(lane, lane.waitNanos(now));
                return;
            }
            PendingBatch batch = lane.next();
            if (batch == null) {
                PendingBatch open = lane.open();
                if (open == null || lane.isStalled()) {
                    return;
                }
                long lingerLeft = open.createdNanos() + settings.linger().toNanos() - now;
                if (lingerLeft > 0 && !flushing) {
                    wakeIn(lane, lingerLeft);
                    return;
                }
                accumulator.seal(lane);
                continue;
            }
            String address = routes.target(lane.key().topic(), lane.key().partition(), lane.attempts());
            if (address == null) {
                lane.backOff(0);
                return;
            }
            lane.leader(routes.leader(lane.key().topic(), lane.key().partition()));
            stream(address).send(batch, identity.id());
        }
    }

    /** Looks neither at the time nor for a batch: asked about each record. */
    private boolean mayHaveSomethingToSend(Lane lane) {
        return lane.isStalled()
                ? hasRoomForMore(lane)
                : lane.open() != null && lane.hasRoomForMore(eagerBatches(lane), Long.MAX_VALUE);
    }

    private boolean hasRoomForMore(Lane lane) {
        return lane.hasRoomForMore(settings.batchesInFlightMax(), BYTES_IN_FLIGHT)
                || lane.hasRoomForMore(eagerBatches(lane), Long.MAX_VALUE);
    }

    /** While so many batches are unanswered, a batch that has room left waits and fills: batching follows the load. */
    private int eagerBatches(Lane lane) {
        return Math.min(flushing ? EagerBatches.MOST : lane.eagerBatches(), settings.batchesInFlightMax());
    }

    private void wakeIn(Lane lane, long nanos) {
        if (lane.mayScheduleWake()) {
            timer.schedule(
                    () -> {
                        synchronized (lock) {
                            lane.woken();
                            pump(lane);
                        }
                    },
                    nanos,
                    TimeUnit.NANOSECONDS);
        }
    }

    private PublishConnection stream(String address) {
        PublishConnection stream = streams.get(address);
        if (stream == null) {
            stream = new PublishConnection(this, connections, address);
            streams.put(address, stream);
        }
        return stream;
    }

    /** What has been stored: a read with it, on any replica, sees that. */
    ByteString sessionToken() {
        ByteString token = ByteString.EMPTY;
        for (ByteString one : tokens.values()) {
            token = token.concat(one);
        }
        return token;
    }

    /** Nothing is sent any more, and no answer is heard. */
    void close() {
        closed = true;
        streams.values().forEach(PublishConnection::cancel);
        streams.clear();
    }

    // ---- answers

    /**
     * Runs what a connection has to say on its own thread: nothing that waits. What it says while we speak to it, as when
     * it is given up, is heard later.
     */
    void withoutTheLock(Runnable news) {
        if (!Thread.holdsLock(lock)) {
            news.run();
            return;
        }
        try {
            timer.execute(news);
        } catch (RejectedExecutionException e) {
            // the client is closed: nobody waits for it
        }
    }

    void answered(PublishConnection stream, PublishStreamResponse response) {
        PendingBatch batch;
        HoldfastException failure = null;
        synchronized (lock) {
            batch = stream.take(response.getCorrelationId());
            if (batch == null) {
                return;
            }
            Lane lane = batch.lane();
            batch.notInFlight();
            if (response.hasStored()) {
                lane.succeeded(System.nanoTime() - batch.sentNanos());
                tokens.put(lane.key(), response.getStored().getHeader().getSessionToken());
                accumulator.remove(batch);
                batch.stored();
            } else {
                failure = refused(lane, batch, stream, HoldfastException.of(response.getError()));
                if (failure != null) {
                    accumulator.remove(batch);
                }
            }
            pump(lane);
        }
        HoldfastException end = failure;
        if (response.hasStored()) {
            tell(() -> batch.succeed(response.getStored()));
        } else if (end != null) {
            tell(() -> batch.fail(end));
        }
    }

    /** Here, if the client was closed before its producer and there is no thread for it any more. */
    void tell(Runnable callers) {
        try {
            callbacks.execute(callers);
        } catch (RejectedExecutionException e) {
            callers.run();
        }
    }

    /** Decides what a refusal means; returns the failure to report, or null if the batch will be sent again. */
    private @Nullable HoldfastException refused(
            Lane lane, PendingBatch batch, PublishConnection stream, HoldfastException error) {
        lane.recover();
        switch (error.reason()) {
            case ERROR_REASON_NOT_LEADER -> {
                routes.doubt(lane.key().topic(), lane.key().partition(), stream.address());
                routes.hint(lane.key().topic(), lane.key().partition(), error);
                lane.leader(null);
            }
            case ERROR_REASON_KEYS_MOVED -> {
                boolean inTurn = lane.isHead(batch) || !settings.idempotent();
                if (inTurn && placement.isNewer(batch)) {
                    placeAnew(lane);
                    return null;
                }
                // Where to, the routes will tell.
            }
            case ERROR_REASON_SEQUENCE_GAP -> {
                long expected = Long.parseLong(error.facts().getOrDefault("expected_sequence", "-1"));
                if (lane.isHead(batch) && expected >= 0 && expected < batch.firstSequence()) {
                    return restartOrder(lane, error);
                }
            }
            case ERROR_REASON_UNKNOWN_PRODUCER -> {
                if (lane.isHead(batch)) {
                    return restartOrder(lane, error);
                }
            }
            case ERROR_REASON_PRODUCER_FENCED -> {
                identity.end(error);
                return error;
            }
            default -> {
                if (!error.isPassing()
                        && !routes.knowBetter(lane.key().topic(), lane.key().partition(), error)) {
                    return error;
                }
            }
        }
        if (error.outcome() == WriteOutcome.WRITE_OUTCOME_UNKNOWN && !settings.idempotent()) {
            return error;
        }
        backOff(lane, error);
        return null;
    }

    private static void backOff(Lane lane, HoldfastException error) {
        boolean notLeader = error.reason() == ErrorReason.ERROR_REASON_NOT_LEADER;
        Duration retryAfter = error.retryAfter();
        if (notLeader && error.facts().containsKey("leader_address")) {
            lane.redirect();
        } else {
            lane.backOff(retryAfter == null || notLeader ? 0 : retryAfter.toNanos());
        }
    }

    /**
     * Of what is under way nothing is stored if it has a sequence; else each batch has a fate of its own, and is waited for.
     */
    private void placeAnew(Lane lane) {
        if (settings.idempotent()) {
            abandonAll(lane);
        }
        accumulator.placeAnew(lane).forEach(this::pump);
    }

    private @Nullable HoldfastException restartOrder(Lane lane, HoldfastException error) {
        if (settings.name() != null) {
            HoldfastException end = HoldfastException.notApplied(
                    error.reason(),
                    "open the producer again: a record before this one was given up, and the order with it");
            identity.end(end);
            return end;
        }
        abandonAll(lane);
        lane.renumber(identity.id());
        return null;
    }

    /** Nothing of the queue can have been stored: the partition refuses whatever follows a gap. */
    private static void abandonAll(Lane lane) {
        lane.queue().forEach(PendingBatch::takeBack);
    }

    void broken(PublishConnection stream, HoldfastException cause) {
        List<PendingBatch> failed = new ArrayList<>();
        HoldfastException unknown = new HoldfastException(
                cause.reason(), WriteOutcome.WRITE_OUTCOME_UNKNOWN, "the connection broke: " + cause.getMessage());
        synchronized (lock) {
            streams.remove(stream.address(), stream);
            for (PendingBatch batch : stream.takeAll()) {
                batch.notInFlight();
                Lane lane = batch.lane();
                routes.doubt(lane.key().topic(), lane.key().partition(), stream.address());
                lane.recover();
                if (settings.idempotent()) {
                    lane.backOff(0);
                } else {
                    accumulator.remove(batch);
                    failed.add(batch);
                }
            }
        }
        failed.forEach(batch -> tell(() -> batch.fail(unknown)));
    }
}
