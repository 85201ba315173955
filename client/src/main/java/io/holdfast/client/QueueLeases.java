package io.holdfast.client;

import com.google.protobuf.util.Durations;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.PollRequest;
import io.holdfast.v1.QueueServiceGrpc;
import io.holdfast.v1.SettleRequest;
import io.holdfast.v1.Settlement;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Leases and settles by single calls, for scripts and for leases that outlive a process. {@link QueueConsumer} is faster
 * and looks after what it holds. Calls block. Thread-safe.
 */
public final class QueueLeases {
    private final Admin admin;
    private final String topic;
    private final String group;
    private final String member;

    /** A record and its lease. */
    public record Leased(ReceivedRecord record, long leaseId, int deliveryCount, int failureCount) {}

    QueueLeases(Admin admin, String topic, String group, String member) {
        this.admin = admin;
        this.topic = topic;
        this.group = group;
        this.member = member;
    }

    /**
     * Leases records; waits for some, if there are none. A call that breaks may have leased some: they come again when the
     * lease runs out.
     *
     * @param lease null for the group's
     */
    public List<Leased> poll(int recordsMax, Duration wait, @Nullable Duration lease) {
        PollRequest.Builder request = PollRequest.newBuilder()
                .setTopic(topic)
                .setGroup(group)
                .setMember(member)
                .setMaxRecords(recordsMax)
                .setWait(Durations.fromMillis(wait.toMillis()));
        if (lease != null) {
            request.setLease(Durations.fromMillis(lease.toMillis()));
        }
        List<Leased> leased = new ArrayList<>();
        for (Delivery delivery : admin.call(
                        false,
                        channel -> QueueServiceGrpc.newBlockingStub(channel)
                                .withDeadlineAfter(wait.toMillis() + 10_000, TimeUnit.MILLISECONDS)
                                .poll(request.build()))
                .getDeliveriesList()) {
            leased.add(new Leased(
                    QueueConsumer.record(topic, delivery),
                    delivery.getLeaseId(),
                    delivery.getDeliveryCount(),
                    delivery.getFailureCount()));
        }
        return leased;
    }

    /**
     * Says what became of a record.
     *
     * @param delay of a retry, or length of an extension; null for the group's
     * @return null if it was accepted, else why it certainly was not
     * @throws HoldfastException if nobody knows
     */
    public @Nullable String settle(
            int partition, long offset, long leaseId, Outcome outcome, @Nullable Duration delay, String reason) {
        SettleRequest request = SettleRequest.newBuilder()
                .setTopic(topic)
                .setGroup(group)
                .addSettlements(settlement(partition, offset, leaseId, outcome, delay, reason))
                .build();
        ItemError result = admin.call(
                        false,
                        channel -> Admin.timed(QueueServiceGrpc.newBlockingStub(channel))
                                .settle(request))
                .getResults(0);
        if (result.getReason() == ErrorReason.ERROR_REASON_UNSPECIFIED) {
            return null;
        }
        if (result.getOutcome() != WriteOutcome.WRITE_OUTCOME_NOT_APPLIED) {
            throw HoldfastException.of(result);
        }
        return result.getMessage();
    }

    /** @param delay of a retry, or length of an extension; null for the group's */
    static Settlement settlement(
            int partition, long offset, long leaseId, Outcome outcome, @Nullable Duration delay, String reason) {
        Settlement.Builder settlement = Settlement.newBuilder()
                .setPartition(partition)
                .setOffset(offset)
                .setLeaseId(leaseId)
                .setOutcome(outcome)
                .setReason(reason);
        if (delay != null) {
            settlement.setDelay(Durations.fromMillis(delay.toMillis()));
        }
        return settlement.build();
    }
}
