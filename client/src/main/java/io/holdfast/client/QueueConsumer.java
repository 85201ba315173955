package io.holdfast.client;

import io.holdfast.record.RecordHeader;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.PollResponse;
import io.holdfast.v1.Record;
import io.holdfast.v1.Settlement;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * A member of a queue group: takes leased records and settles them. At most {@code prefetch} are leased to it and not
 * settled. Leases of records that {@link #poll} has not returned yet are kept alive; those that it has are the caller's
 * to extend, or a {@link QueueWorker}'s. Thread-safe: several threads may poll and settle.
 */
public final class QueueConsumer implements AutoCloseable {
    private static final long CHECK_MS = 50;
    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(5);

    private final QueueSettings settings;
    private final QueueStream stream;
    private final LinkedBlockingQueue<QueueDelivery> buffer = new LinkedBlockingQueue<>();
    /** Leased here and not settled, buffered ones included. */
    private final Set<QueueDelivery> held = ConcurrentHashMap.newKeySet();
    /** Being extended right now. */
    private final Set<QueueDelivery> extending = ConcurrentHashMap.newKeySet();

    /** Settled since the server was last told. */
    private final AtomicInteger room = new AtomicInteger();

    private final int roomWorthSaying;
    private final ScheduledFuture<?> checks;
    private volatile @Nullable HoldfastException failure;
    private volatile boolean closing;

    QueueConsumer(
            QueueSettings settings, Connections connections, RoutingCache routes, ScheduledExecutorService timer) {
        this.settings = settings;
        roomWorthSaying = Math.max(1, settings.prefetch() / 8);
        stream = new QueueStream(settings, connections, routes, timer, new QueueStream.Listener() {
            @Override
            public void deliveries(PollResponse response) {
                take(response);
            }

            @Override
            public int creditAtStart() {
                room.set(0);
                return closing ? 0 : Math.max(0, settings.prefetch() - held.size());
            }

            @Override
            public void failed(HoldfastException why) {
                failure = why;
            }
        });
        stream.start();
        checks = timer.scheduleWithFixedDelay(this::check, CHECK_MS, CHECK_MS, TimeUnit.MILLISECONDS);
    }

    private void take(PollResponse response) {
        for (Delivery delivery : response.getDeliveriesList()) {
            QueueDelivery leased = new QueueDelivery(this, record(settings.topic(), delivery), delivery);
            held.add(leased);
            if (closing) {
                leased.release();
            } else {
                buffer.add(leased);
            }
        }
    }

    static ReceivedRecord record(String topic, Delivery delivery) {
        Record record = delivery.getRecord().getRecord();
        List<RecordHeader> headers = new ArrayList<>(record.getHeadersCount());
        record.getHeadersList()
                .forEach(header -> headers.add(
                        new RecordHeader(header.getName(), header.getValue().toByteArray())));
        return new ReceivedRecord(
                topic,
                delivery.getRecord().getPartition(),
                delivery.getRecord().getOffset(),
                millis(record.getEventTime()),
                millis(delivery.getRecord().getAppendTime()),
                record.hasKey() ? record.getKey().toByteArray() : null,
                record.hasValue() ? record.getValue().toByteArray() : null,
                headers);
    }

    private static long millis(com.google.protobuf.Timestamp time) {
        return time.getSeconds() * 1000 + time.getNanos() / 1_000_000;
    }

    /**
     * The next record; null if none came in time.
     *
     * @throws HoldfastException if the group cannot be consumed from any more
     */
    public @Nullable QueueDelivery poll(Duration patience) {
        try {
            QueueDelivery next = buffer.poll();
            HoldfastException why = failure;
            if (next == null && why == null) {
                next = buffer.poll(patience.toNanos(), TimeUnit.NANOSECONDS);
                why = failure;
            }
            if (next == null && why != null) {
                throw why;
            }
            return next;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw HoldfastException.notApplied(ErrorReason.ERROR_REASON_UNAVAILABLE, "interrupted");
        }
    }

    CompletableFuture<Void> settle(Settlement settlement) {
        return stream.settle(settlement);
    }

    /** Settled, one way or another: room for the next. Said for several at a time, but before there is none left. */
    void settled(QueueDelivery delivery) {
        if (!held.remove(delivery) || closing) {
            return;
        }
        int free = room.incrementAndGet();
        if (free >= roomWorthSaying || held.isEmpty()) {
            stream.credit(room.getAndSet(0));
        }
    }

    private void check() {
        stream.checkAlive();
        long now = System.nanoTime();
        for (QueueDelivery delivery : buffer) {
            extendIfDue(delivery, now);
        }
        for (QueueDelivery delivery : held) {
            if (delivery.isOver(now)) {
                settled(delivery); // forgotten by the caller: it is somebody else's now
            }
        }
    }

    /** Extends a lease that is half over. */
    void extendIfDue(QueueDelivery delivery, long nowNanos) {
        if (!delivery.isSettled() && delivery.isHalfOver(nowNanos) && extending.add(delivery)) {
            delivery.extend().whenComplete((ok, why) -> {
                extending.remove(delivery);
                if (why != null && buffer.remove(delivery)) {
                    settled(delivery); // lost before anybody looked at it
                }
            });
        }
    }

    /** Records leased here and not settled. */
    public int heldCount() {
        return held.size();
    }

    /**
     * Gives back what {@link #poll} has not returned, and waits a little for the settlements under way. What was returned and
     * not settled comes again when its lease runs out.
     */
    @Override
    public void close() {
        closing = true;
        QueueDelivery unread = buffer.poll();
        while (unread != null) {
            unread.release();
            unread = buffer.poll();
        }
        long deadline = System.nanoTime() + CLOSE_PATIENCE.toNanos();
        try {
            while (stream.isSettling() && failure == null && System.nanoTime() < deadline) {
                Thread.sleep(2);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        checks.cancel(false);
        stream.close();
    }
}
