package io.holdfast.client;

import com.google.protobuf.util.Durations;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.Settlement;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A record leased to this consumer. Settle it once: {@link #accept}, {@link #release}, {@link #retry} or {@link #reject};
 * {@link #extend} as often as need be before. Each returns a future that completes when the cluster has it on the disks of
 * a majority, and fails with LEASE_LOST if the lease had ended: then another consumer may have the record. Thread-safe.
 */
public final class QueueDelivery {
    private final QueueConsumer consumer;
    private final ReceivedRecord record;
    private final Delivery delivery;
    private volatile long leaseEndNanos;
    private volatile boolean settled;

    QueueDelivery(QueueConsumer consumer, ReceivedRecord record, Delivery delivery) {
        this.consumer = consumer;
        this.record = record;
        this.delivery = delivery;
        leaseEndNanos = System.nanoTime() + leaseNanos();
    }

    public ReceivedRecord record() {
        return record;
    }

    /** Names the lease: another delivery of the same record has another one. */
    public long leaseId() {
        return delivery.getLeaseId();
    }

    /** How often the record was handed out, this time included. */
    public int deliveryCount() {
        return delivery.getDeliveryCount();
    }

    /** How often it failed. */
    public int failureCount() {
        return delivery.getFailureCount();
    }

    /** Done: it is never delivered to this group again. */
    public CompletableFuture<Void> accept() {
        return settle(Outcome.OUTCOME_ACCEPT, null, "");
    }

    /** Not touched: it goes to whoever is next, and no failure is counted. */
    public CompletableFuture<Void> release() {
        return settle(Outcome.OUTCOME_RELEASE, null, "");
    }

    /**
     * It failed: it comes again, or is dead-lettered at the group's limit.
     *
     * @param delay null for the group's backoff
     */
    public CompletableFuture<Void> retry(@Nullable Duration delay, String reason) {
        return settle(Outcome.OUTCOME_RETRY, delay, reason);
    }

    /** It can never succeed: it is dead-lettered now. */
    public CompletableFuture<Void> reject(String reason) {
        return settle(Outcome.OUTCOME_REJECT, null, reason);
    }

    /** Still at work: the lease runs as long as at first, from now on. */
    public CompletableFuture<Void> extend() {
        long from = System.nanoTime();
        return consumer.settle(settlement(Outcome.OUTCOME_EXTEND, lease(), ""))
                .thenRun(() -> leaseEndNanos = from + leaseNanos());
    }

    private CompletableFuture<Void> settle(Outcome outcome, @Nullable Duration delay, String reason) {
        settled = true;
        return consumer.settle(settlement(outcome, delay, reason))
                .whenComplete((ok, failure) -> consumer.settled(this));
    }

    private Settlement settlement(Outcome outcome, @Nullable Duration delay, String reason) {
        return QueueLeases.settlement(
                record.partition(), record.offset(), delivery.getLeaseId(), outcome, delay, reason);
    }

    boolean isSettled() {
        return settled;
    }

    private Duration lease() {
        return Duration.ofMillis(Durations.toMillis(delivery.getLease()));
    }

    private long leaseNanos() {
        return lease().toNanos();
    }

    /** Half of the lease or more is over. */
    boolean isHalfOver(long nowNanos) {
        return leaseEndNanos - nowNanos < leaseNanos() / 2;
    }

    /** The lease has run out, and a little more. */
    boolean isOver(long nowNanos) {
        return nowNanos - leaseEndNanos > leaseNanos() / 2;
    }

    @Override
    public String toString() {
        return record.topic() + "/" + record.partition() + "@" + record.offset() + " lease "
                + TimeUnit.NANOSECONDS.toMillis(leaseNanos()) + " ms, delivery " + deliveryCount();
    }
}
