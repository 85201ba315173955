package io.holdfast.client;

import io.holdfast.v1.ErrorReason;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Watches over a producer's batches until their fate is known: takes them back from nodes that have fallen silent or do not
 * lead any more, has them sent again, and fails those whose time is up. Runs on the timer and when routes change.
 */
final class BatchWatch {
    private static final long INTERVAL_MS = 50;
    /** No answer for this long: ask elsewhere. The node we waited for may be paused or cut off. */
    private static final long ANSWER_NANOS_MAX = TimeUnit.SECONDS.toNanos(5);

    private final ProducerSettings settings;
    private final RecordAccumulator accumulator;
    private final BatchSender sender;
    private final RoutingCache routes;
    private final Object lock;
    private final Runnable routesChanged = this::onRoutes;
    private final ScheduledFuture<?> ticks;

    BatchWatch(
            ProducerSettings settings,
            RecordAccumulator accumulator,
            BatchSender sender,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Object lock) {
        this.settings = settings;
        this.accumulator = accumulator;
        this.sender = sender;
        this.routes = routes;
        this.lock = lock;
        routes.onChange(routesChanged);
        ticks = timer.scheduleWithFixedDelay(this::tick, INTERVAL_MS, INTERVAL_MS, TimeUnit.MILLISECONDS);
    }

    void close() {
        ticks.cancel(false);
        routes.forget(routesChanged);
    }

    private void onRoutes() {
        synchronized (lock) {
            accumulator.adoptRoutes();
            for (Lane lane : accumulator.lanes()) {
                if (lane.isEmpty()) {
                    continue;
                }
                String leader = routes.leader(lane.key().topic(), lane.key().partition());
                if (leader != null && !leader.equals(lane.leader())) {
                    if (settings.idempotent()) {
                        takeBackUnlessAt(leader, lane);
                    }
                    lane.stopBackingOff();
                }
                sender.pump(lane);
            }
        }
    }

    /** Another node leads now: whatever the old one does with these batches, the new one can tell. */
    private static void takeBackUnlessAt(String leader, Lane lane) {
        for (PendingBatch batch : lane.queue()) {
            PublishConnection on = batch.sentOn();
            if (on != null && !on.address().equals(leader)) {
                batch.takeBack();
                lane.recover();
            }
        }
    }

    private void tick() {
        List<PendingBatch> expired = new ArrayList<>();
        synchronized (lock) {
            long now = System.nanoTime();
            accumulator.trim(now);
            for (Lane lane : accumulator.lanes()) {
                expired.addAll(expire(lane, now));
                if (settings.idempotent()) {
                    takeBackFromSilent(lane, now);
                }
                sender.pump(lane);
            }
        }
        for (PendingBatch batch : expired) {
            sender.tell(() -> batch.fail(new HoldfastException(
                    ErrorReason.ERROR_REASON_DEADLINE_EXPIRED,
                    batch.outcome(),
                    "allow more time or look at the cluster: not acknowledged within " + settings.deliveryTimeout())));
        }
    }

    /** Takes out of a lane what there is no time for any more. */
    private List<PendingBatch> expire(Lane lane, long now) {
        PendingBatch open = lane.open();
        if (open != null && open.isExpired(now)) {
            accumulator.seal(lane);
        }
        List<PendingBatch> expired =
                lane.queue().stream().filter(batch -> batch.isExpired(now)).toList();
        for (PendingBatch batch : expired) {
            if (batch.takeBack()) {
                lane.recover();
            }
            accumulator.remove(batch);
        }
        return expired;
    }

    private void takeBackFromSilent(Lane lane, long now) {
        for (PendingBatch batch : lane.queue()) {
            PublishConnection on = batch.sentOn();
            if (on != null && isSilent(on, batch, now)) {
                routes.doubt(lane.key().topic(), lane.key().partition(), on.address());
                batch.takeBack();
                lane.recover();
                lane.backOff(0);
            }
        }
    }

    /**
     * A node that answers other batches has not forgotten this one: it is busy, and would only get busier if all that waits
     * there were sent again. One that answers nothing may be paused.
     */
    private static boolean isSilent(PublishConnection on, PendingBatch batch, long now) {
        return now - Math.max(batch.sentNanos(), on.heardNanos()) > ANSWER_NANOS_MAX;
    }
}
