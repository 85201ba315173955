package io.holdfast.node.cluster;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.metadata.MetadataImage;
import io.holdfast.consensus.metadata.MetadataReplica;
import io.holdfast.internal.v1.CreateTopicCommand;
import io.holdfast.internal.v1.HelloRequest;
import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.NodeServiceGrpc;
import io.holdfast.internal.v1.SubmitMetadataRequest;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * Runs metadata commands and reads wherever the metadata leader is: here, or one hop away. Waits out elections until the deadline
 * as long as it is certain that nothing was written. Any thread; never blocks.
 */
public final class MetadataClient {
    private static final long RETRY_MS = 50;
    private static final Duration KNOWN_PATIENCE = Duration.ofSeconds(3);
    private static final long HELLO_MS = 500;
    private static final long HELLO_AGAIN_MS = 10;

    private final MetadataReplica replica;
    private final MetadataFollower follower;
    private final ClusterState state;
    private final NodeChannels channels;
    private final ScheduledExecutorService timer;

    public MetadataClient(
            MetadataReplica replica,
            MetadataFollower follower,
            ClusterState state,
            NodeChannels channels,
            ScheduledExecutorService timer) {
        this.replica = replica;
        this.follower = follower;
        this.state = state;
        this.channels = channels;
        this.timer = timer;
    }

    /** Completes with the reply, or with a {@link Refusal}. */
    public CompletableFuture<MetadataReply> submit(MetadataCommand command, Duration timeout) {
        MetadataCommand stamped =
                command.toBuilder().setNowMs(System.currentTimeMillis()).build();
        long deadline = System.nanoTime() + timeout.toNanos();
        CompletableFuture<MetadataReply> result = new CompletableFuture<>();
        attempt(
                () -> replica.group().isLeader() ? replica.submit(stamped) : forward(stamped, deadline),
                deadline,
                result);
        return result;
    }

    /**
     * The metadata as it is now, not as this node last heard of it: what plans are made from. Completes with a
     * {@link Refusal} if there is no leader in time.
     */
    public CompletableFuture<MetadataImage> current(Duration timeout) {
        CompletableFuture<MetadataImage> result = new CompletableFuture<>();
        attempt(
                () -> replica.isLed() ? replica.current() : follower.current(),
                System.nanoTime() + timeout.toNanos(),
                result);
        return result;
    }

    /**
     * A topic, made if there is none; completes when all nodes that are up know it.
     *
     * @param plan from the metadata as they are now, which do not have it
     */
    public CompletableFuture<TopicRow> getOrCreateTopic(
            String name, Function<MetadataImage, CreateTopicCommand> plan, Duration timeout) {
        return current(timeout).thenCompose(image -> {
            TopicRow meanwhile = image.topic(name);
            if (meanwhile != null) {
                return CompletableFuture.completedFuture(meanwhile);
            }
            MetadataCommand command = MetadataCommand.newBuilder()
                    .setCreateTopic(plan.apply(image))
                    .build();
            return submit(command, timeout)
                    .thenCompose(reply ->
                            appliedEverywhere(reply.getIndex(), timeout).thenApply(ok -> reply.getTopic()));
        });
    }

    /** How many nodes vote on the metadata: at least so many the cluster is meant to have. */
    public int voters() {
        return replica.voters().size();
    }

    /** Once this node has applied this metadata index, so that the caller finds its own change here. */
    public CompletableFuture<Void> applied(long index, Duration timeout) {
        CompletableFuture<Void> result = new CompletableFuture<>();
        awaitApplied(index, System.nanoTime() + timeout.toNanos(), result);
        return result;
    }

    private void awaitApplied(long index, long deadline, CompletableFuture<Void> result) {
        if (replica.appliedIndex() >= index || System.nanoTime() > deadline) {
            state.publish(replica.image()); // what was applied is on its way there; the caller must not overtake it
            result.complete(null); // late is no failure: the command itself is committed
        } else {
            timer.schedule(() -> awaitApplied(index, deadline, result), 5, TimeUnit.MILLISECONDS);
        }
    }

    /** As {@link #appliedEverywhere(long, Duration)}, for as long as a caller should be made to wait for that. */
    public CompletableFuture<Void> appliedEverywhere(long index) {
        return appliedEverywhere(index, KNOWN_PATIENCE);
    }

    /** Once all nodes that are up have applied this metadata index, so that the caller finds its change on any. */
    public CompletableFuture<Void> appliedEverywhere(long index, Duration timeout) {
        long deadline = System.nanoTime() + timeout.toNanos();
        List<CompletableFuture<Void>> nodes = new ArrayList<>();
        nodes.add(applied(index, timeout));
        for (NodeRow node : state.image().nodes().values()) {
            if (node.getNodeId() != state.nodeId()) {
                CompletableFuture<Void> there = new CompletableFuture<>();
                awaitAppliedBy(node, index, deadline, there);
                nodes.add(there);
            }
        }
        return CompletableFuture.allOf(nodes.toArray(CompletableFuture[]::new));
    }

    private void awaitAppliedBy(NodeRow node, long index, long deadline, CompletableFuture<Void> result) {
        if (state.isDown(node.getNodeId()) || System.nanoTime() > deadline) {
            result.complete(null);
            return;
        }
        Calls.detached(() -> NodeServiceGrpc.newFutureStub(channels.to(node.getApiAddress()))
                        .withDeadlineAfter(HELLO_MS, TimeUnit.MILLISECONDS)
                        .hello(HelloRequest.getDefaultInstance()))
                .whenComplete((answer, failure) -> {
                    if (failure == null && answer.getMetadataVersion() >= index) {
                        result.complete(null);
                    } else {
                        timer.schedule(
                                () -> awaitAppliedBy(node, index, deadline, result),
                                HELLO_AGAIN_MS,
                                TimeUnit.MILLISECONDS);
                    }
                });
    }

    private <T> void attempt(Supplier<CompletableFuture<T>> action, long deadline, CompletableFuture<T> result) {
        action.get().whenComplete((answer, failure) -> {
            if (answer != null) {
                result.complete(answer);
                return;
            }
            Throwable cause =
                    failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
            boolean again = cause instanceof Refusal refusal
                    && refusal.outcome() == WriteOutcome.WRITE_OUTCOME_NOT_APPLIED
                    && System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(RETRY_MS) < deadline;
            if (again) {
                timer.schedule(() -> attempt(action, deadline, result), RETRY_MS, TimeUnit.MILLISECONDS);
            } else {
                result.completeExceptionally(cause == null ? new IllegalStateException("no answer") : cause);
            }
        });
    }

    private CompletableFuture<MetadataReply> forward(MetadataCommand command, long deadline) {
        int leader = replica.leaderNode();
        String address = state.apiAddress(leader);
        if (leader == 0 || leader == state.nodeId() || address.isEmpty()) {
            return CompletableFuture.failedFuture(Refusal.later(
                    ErrorReason.ERROR_REASON_UNAVAILABLE,
                    "try again in a moment: the metadata group has no leader right now",
                    Duration.ofMillis(200)));
        }
        long left = Math.max(1, deadline - System.nanoTime());
        return Calls.future(NodeServiceGrpc.newFutureStub(channels.to(address))
                        .withDeadlineAfter(left, TimeUnit.NANOSECONDS)
                        .submitMetadata(SubmitMetadataRequest.newBuilder()
                                .setCommand(command)
                                .build()))
                .handle((response, failure) -> {
                    if (failure != null) {
                        throw new Refusal(
                                ErrorReason.ERROR_REASON_UNAVAILABLE,
                                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                                "check whether it happened, then try again: the metadata leader, node " + leader
                                        + ", did not answer",
                                Duration.ofMillis(200),
                                Map.of());
                    }
                    if (response.getNotLeader()) {
                        throw Refusal.notLeader(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, 0, "");
                    }
                    return response.getReply();
                });
    }
}
