package io.holdfast.client;

import com.google.protobuf.util.Durations;
import io.grpc.Channel;
import io.grpc.StatusRuntimeException;
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
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Leases and settles by single calls, for scripts and for leases that outlive a process. {@link QueueConsumer} is faster
 * and looks after what it holds. Calls block. Thread-safe.
 *
 * <p>Any node does what is asked, through the node that leads the partition; to ask that one spares the way between.
 * Settlements go there. So do polls while there is plenty: to one leader after the other, for what it leads. A poll that did
 * not get all that it asked for is followed by one that asks for records of all partitions.
 */
public final class QueueLeases {
    /** What a poll may take besides the time that it waits for records. */
    private static final long ANSWER_MS = 10_000;

    private final Admin admin;
    private final RoutingCache routes;
    private final String topic;
    private final String group;
    private final String member;
    /** The last poll got all that it asked for. */
    private volatile boolean plenty;
    /** Whose leader is asked next, while there is plenty. */
    private final AtomicInteger turn = new AtomicInteger();

    /** A record and its lease. */
    public record Leased(ReceivedRecord record, long leaseId, int deliveryCount, int failureCount) {}

    QueueLeases(Admin admin, RoutingCache routes, String topic, String group, String member) {
        this.admin = admin;
        this.routes = routes;
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
                .setMaxRecords(recordsMax);
        if (lease != null) {
            request.setLease(Durations.fromMillis(lease.toMillis()));
        }
        List<Delivery> deliveries = plenty ? pollOneLeader(request.build()) : List.of();
        if (deliveries.isEmpty()) {
            request.setWait(Durations.fromMillis(wait.toMillis()));
            deliveries = admin.call(false, channel -> poll(channel, request.build(), wait.toMillis() + ANSWER_MS));
        }
        plenty = !deliveries.isEmpty() && deliveries.size() >= recordsMax;
        return deliveries.stream().map(this::leased).toList();
    }

    private List<Delivery> pollOneLeader(PollRequest request) {
        int partitions = routes.partitionsIfKnown(topic);
        if (partitions == 0) {
            return List.of();
        }
        int partition = Math.floorMod(turn.getAndIncrement(), partitions);
        String leader = routes.leader(topic, partition);
        if (leader == null) {
            return List.of();
        }
        PollRequest there = request.toBuilder()
                .addAllPartitions(routes.ledBy(topic, leader))
                .build();
        try {
            return atLeader(leader, partition, channel -> poll(channel, there, ANSWER_MS));
        } catch (HoldfastException e) {
            if (e.outcome() != WriteOutcome.WRITE_OUTCOME_NOT_APPLIED) {
                throw e;
            }
            return List.of(); // if it was not only about these partitions, who is asked for all says so too
        }
    }

    private static List<Delivery> poll(Channel channel, PollRequest request, long timeoutMs) {
        return QueueServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(timeoutMs, TimeUnit.MILLISECONDS)
                .poll(request)
                .getDeliveriesList();
    }

    private Leased leased(Delivery delivery) {
        return new Leased(
                QueueConsumer.record(topic, delivery),
                delivery.getLeaseId(),
                delivery.getDeliveryCount(),
                delivery.getFailureCount());
    }

    /** Asks the leader, or another node if that one does not do it. */
    private <T> T atLeader(@Nullable String leader, int partition, Function<Channel, T> request) {
        return admin.call(false, leader, channel -> {
            try {
                return request.apply(channel);
            } catch (StatusRuntimeException e) {
                doubt(leader, partition, HoldfastException.of(e));
                throw e;
            }
        });
    }

    /** Not for having too much to do: a leader that is forgotten may stay so until routes change. */
    private void doubt(@Nullable String leader, int partition, HoldfastException failure) {
        if (leader == null) {
            return;
        }
        switch (failure.reason()) {
            case ERROR_REASON_NOT_LEADER, ERROR_REASON_UNAVAILABLE, ERROR_REASON_DEADLINE_EXPIRED ->
                routes.doubt(topic, partition, leader);
            default -> {}
        }
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
        String leader = routes.leader(topic, partition);
        ItemError result = atLeader(
                        leader,
                        partition,
                        channel -> Admin.timed(QueueServiceGrpc.newBlockingStub(channel))
                                .settle(request))
                .getResults(0);
        if (result.getReason() == ErrorReason.ERROR_REASON_UNSPECIFIED) {
            return null;
        }
        HoldfastException failure = HoldfastException.of(result);
        doubt(leader, partition, failure);
        if (failure.outcome() != WriteOutcome.WRITE_OUTCOME_NOT_APPLIED) {
            throw failure;
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
