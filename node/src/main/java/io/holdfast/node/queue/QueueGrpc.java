package io.holdfast.node.queue;

import com.google.protobuf.util.Durations;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.AcquireRequest;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Bounds;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.node.service.Headers;
import io.holdfast.node.service.Replies;
import io.holdfast.v1.Delivery;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.PollRequest;
import io.holdfast.v1.PollResponse;
import io.holdfast.v1.QueueServiceGrpc;
import io.holdfast.v1.ReceiveRequest;
import io.holdfast.v1.ReceiveResponse;
import io.holdfast.v1.SettleRequest;
import io.holdfast.v1.SettleResponse;
import io.holdfast.v1.Settlement;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;

/** QueueService: checks requests, then asks the partitions' leaders. */
public final class QueueGrpc extends QueueServiceGrpc.QueueServiceImplBase {
    private static final int MEMBER_CHARACTERS_MAX = 100;
    private static final int RECORDS_MAX = 10_000;
    private static final int SETTLEMENTS_MAX = 10_000;
    /** With a record more it is still below what stock gRPC clients take. */
    private static final long BYTES_DEFAULT = 2 << 20;

    private static final long BYTES_MAX = 4 << 20;
    private static final long WAIT_MS_MAX = 3_600_000;
    private static final long RETRY_DELAY_MS_MAX = 30 * 24 * 3_600_000L;
    /** Answers leave a little before the caller gives up. */
    private static final long EARLY_MS = 20;

    private final ClusterState state;
    private final Groups groups;
    private final QueueRouter router;
    private final Headers headers;
    private final Executor executor;
    private final ScheduledExecutorService timer;

    QueueGrpc(
            ClusterState state,
            Groups groups,
            QueueRouter router,
            Headers headers,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.groups = groups;
        this.router = router;
        this.headers = headers;
        this.executor = executor;
        this.timer = timer;
    }

    @Override
    public void poll(PollRequest request, StreamObserver<PollResponse> to) {
        ServerCallStreamObserver<PollResponse> call = (ServerCallStreamObserver<PollResponse>) to;
        call.setOnCancelHandler(() -> {}); // looked at below
        Replies.send(to, executor, () -> {
            check(request);
            long waitNanos = TimeUnit.MILLISECONDS.toNanos(Durations.toMillis(request.getWait()));
            long latest = deadline() - TimeUnit.MILLISECONDS.toNanos(EARLY_MS);
            long until = Math.min(System.nanoTime() + waitNanos, latest);
            return groups.getOrCreate(request.getTopic(), request.getGroup())
                    .thenCompose(group -> poll(request, group, until, call::isCancelled));
        });
    }

    /** A caller that waits for long says so by its own deadline. */
    private static long deadline() {
        io.grpc.Deadline deadline = io.grpc.Context.current().getDeadline();
        return deadline == null ? System.nanoTime() + TimeUnit.MINUTES.toNanos(1) : Forwarder.deadlineOf(deadline);
    }

    /** Polls for a member; what is leased for one that is gone is given back. */
    CompletableFuture<PollResponse> poll(PollRequest request, GroupRow group, long until, BooleanSupplier gone) {
        AcquireRequest acquire = AcquireRequest.newBuilder()
                .setGroupId(group.getGroupId())
                .setMember(request.getMember())
                .setMaxRecords(Math.max(1, request.getMaxRecords()))
                .setMaxBytes(request.getMaxBytes() == 0 ? BYTES_DEFAULT : Math.min(request.getMaxBytes(), BYTES_MAX))
                .setLeaseMs(Durations.toMillis(request.getLease()))
                .build();
        return router.poll(acquire, group, partitions(request, group), until, gone)
                .thenApply(deliveries -> {
                    List<Delivery> sent = deliveries;
                    if (gone.getAsBoolean() && !deliveries.isEmpty()) {
                        router.release(group, deliveries);
                        sent = List.of();
                    }
                    return PollResponse.newBuilder()
                            .setHeader(headers.header())
                            .addAllDeliveries(sent)
                            .build();
                });
    }

    private List<Integer> partitions(PollRequest request, GroupRow group) {
        TopicRow topic = state.topic(group.getTopic());
        Set<Integer> partitions = new LinkedHashSet<>();
        if (request.getPartitionsCount() == 0) {
            for (int p = 0; p < topic.getAssignmentsCount(); p++) {
                partitions.add(p);
            }
        }
        for (int p : request.getPartitionsList()) {
            state.group(group.getTopic(), p);
            partitions.add(p);
        }
        return List.copyOf(partitions);
    }

    static void check(PollRequest request) {
        if (request.getMember().isEmpty() || request.getMember().length() > MEMBER_CHARACTERS_MAX) {
            throw Refusal.invalid("name the member with 1 to " + MEMBER_CHARACTERS_MAX + " characters");
        }
        if (request.getMaxRecords() < 0 || request.getMaxRecords() > RECORDS_MAX) {
            throw Refusal.invalid("ask for at most " + RECORDS_MAX + " records");
        }
        if (request.getMaxBytes() < 0) {
            throw Refusal.invalid("ask for fewer bytes");
        }
        if (request.hasWait()) {
            Bounds.millis("wait", request.getWait(), 0, WAIT_MS_MAX);
        }
        if (request.hasLease()) {
            Bounds.millis("lease", request.getLease(), GroupConfigs.LEASE_MS_MIN, GroupConfigs.LEASE_MS_MAX);
        }
        GroupConfigs.checkName(request.getTopic(), request.getGroup());
    }

    @Override
    public void settle(SettleRequest request, StreamObserver<SettleResponse> to) {
        Replies.send(to, executor, () -> settle(groups.get(request.getTopic(), request.getGroup()), request));
    }

    /** Checks and writes settlements; bad ones are told so one by one. */
    CompletableFuture<SettleResponse> settle(GroupRow group, SettleRequest request) {
        if (request.getSettlementsCount() > SETTLEMENTS_MAX) {
            throw Refusal.invalid("settle at most " + SETTLEMENTS_MAX + " records at a time");
        }
        request.getSettlementsList().forEach(QueueGrpc::check);
        return router.settle(group, request.getSettlementsList())
                .thenApply(results -> SettleResponse.newBuilder()
                        .setHeader(headers.header())
                        .addAllResults(results)
                        .build());
    }

    private static void check(Settlement settlement) {
        if (settlement.getOutcome() == Outcome.UNRECOGNIZED || settlement.getOutcome() == Outcome.OUTCOME_UNSPECIFIED) {
            throw Refusal.invalid("say what became of offset " + Long.toUnsignedString(settlement.getOffset())
                    + ": accept, release, retry, reject or extend");
        }
        if (settlement.getOffset() < 0 || settlement.getOffset() == Long.MAX_VALUE) {
            throw Refusal.invalid(
                    "settle what was delivered: there is no offset " + Long.toUnsignedString(settlement.getOffset()));
        }
        if (settlement.hasDelay()) {
            boolean extend = settlement.getOutcome() == Outcome.OUTCOME_EXTEND;
            Bounds.millis(
                    "delay",
                    settlement.getDelay(),
                    extend ? GroupConfigs.LEASE_MS_MIN : 0,
                    extend ? GroupConfigs.LEASE_MS_MAX : RETRY_DELAY_MS_MAX);
        }
    }

    /** What a failed settlement says when the whole request was refused. */
    static SettleResponse refused(SettleRequest request, Refusal refusal) {
        SettleResponse.Builder response = SettleResponse.newBuilder();
        ItemError error = Errors.item(refusal);
        request.getSettlementsList().forEach(settlement -> response.addResults(error));
        return response.build();
    }

    @Override
    public StreamObserver<ReceiveRequest> receive(StreamObserver<ReceiveResponse> to) {
        return new ReceiveCall((ServerCallStreamObserver<ReceiveResponse>) to, this, groups, executor, timer);
    }
}
