package io.holdfast.node.service;

import com.google.common.util.concurrent.ListenableFuture;
import com.google.rpc.ErrorInfo;
import io.grpc.Channel;
import io.grpc.ClientInterceptors;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import io.holdfast.consensus.Causes;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.Calls;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.NodeChannels;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Runs a unary request where its partition's leader is: here, or one hop away; and again while it is certain that
 * nothing was written and there is time. So a simple client may talk to any node, and elections do not show.
 */
public final class Forwarder {
    private static final Metadata.Key<String> FORWARDED =
            Metadata.Key.of("x-holdfast-forwarded", Metadata.ASCII_STRING_MARSHALLER);
    private static final Context.Key<Boolean> IS_FORWARDED = Context.keyWithDefault("forwarded", false);
    private static final long RETRY_MS = 40;
    /** For callers that set no deadline of their own. */
    static final Duration PATIENCE = Duration.ofSeconds(10);

    private final ClusterState state;
    private final NodeChannels channels;
    private final ScheduledExecutorService timer;
    private final NodeMetrics metrics;

    Forwarder(ClusterState state, NodeChannels channels, ScheduledExecutorService timer, NodeMetrics metrics) {
        this.state = state;
        this.channels = channels;
        this.timer = timer;
        this.metrics = metrics;
    }

    /** Notes whether a call has been forwarded already; such a call goes no further. */
    static ServerInterceptor interceptor() {
        return new ServerInterceptor() {
            @Override
            public <Q, R> ServerCall.Listener<Q> interceptCall(
                    ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
                Context context = Context.current().withValue(IS_FORWARDED, headers.containsKey(FORWARDED));
                return Contexts.interceptCall(context, call, headers, next);
            }
        };
    }

    /** When the caller stops waiting, as System.nanoTime. */
    public static long deadline() {
        io.grpc.Deadline deadline = Context.current().getDeadline();
        long left = deadline == null
                ? PATIENCE.toNanos()
                : Math.min(deadline.timeRemaining(TimeUnit.NANOSECONDS), PATIENCE.toNanos());
        if (left <= 0) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_DEADLINE_EXPIRED,
                    "allow more time: the deadline passed before the request was looked at");
        }
        return System.nanoTime() + left;
    }

    /** How long the caller waits yet. */
    public static Duration left() {
        return Duration.ofNanos(Math.max(0, deadline() - System.nanoTime()));
    }

    /** A deadline as System.nanoTime. */
    public static long deadlineOf(io.grpc.Deadline deadline) {
        return System.nanoTime() + deadline.timeRemaining(TimeUnit.NANOSECONDS);
    }

    /**
     * @param local answers with NOT_LEADER if this node is not the one
     * @param remote the same request over a channel to another node
     */
    public <T> CompletableFuture<T> run(
            GroupId group, Supplier<CompletableFuture<T>> local, Function<Channel, ListenableFuture<T>> remote) {
        return attempt(group, local, address -> remote.apply(to(address)));
    }

    /** A channel over which calls are marked as forwarded: they go no further. */
    public Channel to(String address) {
        return ClientInterceptors.intercept(
                channels.to(address), MetadataUtils.newAttachHeadersInterceptor(forwardedHeader()));
    }

    /** Runs here, again while the failure is a passing one. */
    public <T> CompletableFuture<T> retry(Supplier<CompletableFuture<T>> local) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Remote<T> nowhere = address -> {
            throw new IllegalStateException("not to be forwarded");
        };
        new Attempt<>(
                        GroupId.METADATA,
                        local,
                        nowhere,
                        deadline(),
                        true,
                        Context.current().fork(),
                        result)
                .run();
        return result;
    }

    private interface Remote<T> {
        ListenableFuture<T> call(String address);
    }

    private <T> CompletableFuture<T> attempt(GroupId group, Supplier<CompletableFuture<T>> local, Remote<T> remote) {
        CompletableFuture<T> result = new CompletableFuture<>();
        Attempt<T> attempt = new Attempt<>(
                group,
                local,
                remote,
                deadline(),
                IS_FORWARDED.get(),
                Context.current().fork(),
                result);
        attempt.run();
        return result;
    }

    private final class Attempt<T> implements Runnable {
        /** Null to run here whatever happens. */
        private final @Nullable GroupId group;

        private final Supplier<CompletableFuture<T>> local;
        private final Remote<T> remote;
        private final long deadline;
        private final boolean forwarded;
        private final Context context;
        private final CompletableFuture<T> result;
        private int tries;

        Attempt(
                @Nullable GroupId group,
                Supplier<CompletableFuture<T>> local,
                Remote<T> remote,
                long deadline,
                boolean forwarded,
                Context context,
                CompletableFuture<T> result) {
            this.group = group;
            this.local = local;
            this.remote = remote;
            this.deadline = deadline;
            this.forwarded = forwarded;
            this.context = context;
            this.result = result;
        }

        @Override
        public void run() {
            CompletableFuture<T> answer;
            try {
                answer = once();
            } catch (RuntimeException e) {
                answer = CompletableFuture.failedFuture(e);
            }
            answer.whenComplete((value, failure) -> {
                if (failure == null) {
                    result.complete(value);
                } else if (mayRetry(failure)) {
                    timer.schedule(this, RETRY_MS, TimeUnit.MILLISECONDS);
                } else {
                    result.completeExceptionally(Causes.of(failure));
                }
            });
        }

        private CompletableFuture<T> once() {
            GroupId wanted = group;
            if (forwarded || wanted == null) {
                return local.get();
            }
            int leader = state.leader(wanted);
            if (leader == state.nodeId() || (leader == 0 && state.replica(wanted) != null)) {
                return local.get();
            }
            int target = leader != 0 ? leader : anyReplica(wanted);
            String address = state.apiAddress(target);
            if (address.isEmpty() || target == state.nodeId()) {
                return local.get();
            }
            metrics.forwarded.inc();
            Context previous = context.attach();
            try {
                return Calls.future(remote.call(address))
                        .exceptionallyCompose(failure -> CompletableFuture.failedFuture(withDetails(failure)));
            } finally {
                context.detach(previous);
            }
        }

        private int anyReplica(GroupId wanted) {
            TopicRow topic = state.image().topic(wanted.topicId());
            if (topic == null) {
                return 0;
            }
            List<Integer> nodes = topic.getAssignments(wanted.partition()).getReplicaNodesList();
            return nodes.get(tries++ % nodes.size());
        }

        private boolean mayRetry(Throwable failure) {
            if (forwarded || System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(RETRY_MS) > deadline) {
                return false;
            }
            Throwable cause = Causes.of(failure);
            if (cause instanceof Refusal refusal) {
                learn(refusal.reason().name(), refusal.facts());
                return refusal.outcome() == WriteOutcome.WRITE_OUTCOME_NOT_APPLIED
                        && isPassing(refusal.reason().name());
            }
            ErrorInfo info = cause instanceof StatusRuntimeException status ? Errors.info(status) : null;
            if (info != null) {
                learn("ERROR_REASON_" + info.getReason(), info.getMetadataMap());
            }
            return info != null
                    && "NOT_APPLIED".equals(info.getMetadataOrDefault("outcome", ""))
                    && (isPassing("ERROR_REASON_" + info.getReason()) || isBehind("ERROR_REASON_" + info.getReason()));
        }

        /** The other node says that there is no such partition, and this one knows it: that one will learn. */
        private boolean isBehind(String reason) {
            boolean denied = reason.equals(ErrorReason.ERROR_REASON_TOPIC_NOT_FOUND.name())
                    || reason.equals(ErrorReason.ERROR_REASON_PARTITION_NOT_FOUND.name());
            if (!denied || group == null) {
                return false;
            }
            TopicRow topic = state.image().topic(group.topicId());
            return topic != null && group.partition() < topic.getAssignmentsCount();
        }

        /** Where this node has no replica itself, it knows who leads from those only who do not. */
        private void learn(String reason, Map<String, String> facts) {
            if (group != null && reason.equals(ErrorReason.ERROR_REASON_NOT_LEADER.name())) {
                state.leaderHinted(group, Integer.parseInt(facts.getOrDefault("leader_node", "0")));
            }
        }

        private static boolean isPassing(String reason) {
            return reason.equals(ErrorReason.ERROR_REASON_NOT_LEADER.name())
                    || reason.equals(ErrorReason.ERROR_REASON_UNAVAILABLE.name());
        }
    }

    private static Metadata forwardedHeader() {
        Metadata headers = new Metadata();
        headers.put(FORWARDED, "1");
        return headers;
    }

    /** A call that failed without our details may have been carried out. */
    private static Throwable withDetails(Throwable failure) {
        Throwable cause = Causes.of(failure);
        if (cause instanceof StatusRuntimeException status && Errors.info(status) == null) {
            boolean late = status.getStatus().getCode() == Status.Code.DEADLINE_EXCEEDED;
            return new Refusal(
                    late ? ErrorReason.ERROR_REASON_DEADLINE_EXPIRED : ErrorReason.ERROR_REASON_UNAVAILABLE,
                    WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                    "the partition's leader did not answer ("
                            + status.getStatus().getCode()
                            + "): retry with a producer sequence, or check what is stored",
                    Duration.ofMillis(100),
                    Map.of());
        }
        return cause;
    }
}
