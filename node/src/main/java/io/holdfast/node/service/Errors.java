package io.holdfast.node.service;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import com.google.rpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.holdfast.consensus.Causes;
import io.holdfast.consensus.Refusal;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Says every failure in the API's words: the one place that knows which gRPC code a reason has. */
public final class Errors {
    private static final Logger LOG = LoggerFactory.getLogger(Errors.class);
    private static final String DOMAIN = "holdfast";
    private static final String REASON_PREFIX = "ERROR_REASON_";
    private static final String OUTCOME_PREFIX = "WRITE_OUTCOME_";

    private Errors() {}

    public static Refusal refusal(Throwable failure) {
        Throwable cause = Causes.of(failure);
        if (cause instanceof Refusal refusal) {
            return refusal;
        }
        if (cause instanceof StatusRuntimeException status) {
            return of(status);
        }
        LOG.error("a request failed in a way that has no name", cause);
        return new Refusal(
                ErrorReason.ERROR_REASON_INTERNAL,
                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                "look into the node's log: " + cause,
                null,
                Map.of());
    }

    /** What another node said; without details, its connection broke, and the outcome is unknown. */
    private static Refusal of(StatusRuntimeException failure) {
        ErrorInfo info = info(failure);
        if (info != null) {
            try {
                return new Refusal(
                        ErrorReason.valueOf(REASON_PREFIX + info.getReason()),
                        WriteOutcome.valueOf(OUTCOME_PREFIX + info.getMetadataOrDefault("outcome", "UNKNOWN")),
                        String.valueOf(failure.getStatus().getDescription()),
                        null,
                        info.getMetadataMap());
            } catch (IllegalArgumentException laterVersion) {
                // then it is as good as no details
            }
        }
        return new Refusal(
                ErrorReason.ERROR_REASON_UNAVAILABLE,
                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                "try again in a moment: another node did not answer ("
                        + failure.getStatus().getCode() + ")",
                Duration.ofMillis(100),
                Map.of());
    }

    /** The details that a node of ours sends with a failure; null if there are none. */
    static @Nullable ErrorInfo info(StatusRuntimeException failure) {
        Status status = StatusProto.fromThrowable(failure);
        if (status == null) {
            return null;
        }
        for (Any detail : status.getDetailsList()) {
            if (detail.is(ErrorInfo.class)) {
                try {
                    return detail.unpack(ErrorInfo.class);
                } catch (InvalidProtocolBufferException e) {
                    return null;
                }
            }
        }
        return null;
    }

    public static StatusRuntimeException status(Throwable failure) {
        Refusal refusal = refusal(failure);
        Map<String, String> metadata = new HashMap<>(refusal.facts());
        metadata.put("outcome", refusal.outcome().name().substring(OUTCOME_PREFIX.length()));
        Status.Builder status = Status.newBuilder()
                .setCode(code(refusal.reason()).value())
                .setMessage(refusal.message())
                .addDetails(Any.pack(ErrorInfo.newBuilder()
                        .setDomain(DOMAIN)
                        .setReason(refusal.reason().name().substring(REASON_PREFIX.length()))
                        .putAllMetadata(metadata)
                        .build()));
        Duration retryAfter = refusal.retryAfter();
        if (retryAfter != null) {
            status.addDetails(Any.pack(
                    RetryInfo.newBuilder().setRetryDelay(duration(retryAfter)).build()));
        }
        return StatusProto.toStatusRuntimeException(status.build());
    }

    public static ItemError item(Throwable failure) {
        Refusal refusal = refusal(failure);
        ItemError.Builder item = ItemError.newBuilder()
                .setReason(refusal.reason())
                .setMessage(refusal.message())
                .setOutcome(refusal.outcome())
                .putAllMetadata(refusal.facts());
        Duration retryAfter = refusal.retryAfter();
        if (retryAfter != null) {
            item.setRetryAfter(duration(retryAfter));
        }
        return item.build();
    }

    private static com.google.protobuf.Duration duration(Duration duration) {
        return com.google.protobuf.Duration.newBuilder()
                .setSeconds(duration.getSeconds())
                .setNanos(duration.getNano())
                .build();
    }

    private static io.grpc.Status.Code code(ErrorReason reason) {
        return switch (reason) {
            case ERROR_REASON_NOT_LEADER,
                    ERROR_REASON_KEYS_MOVED,
                    ERROR_REASON_PRODUCER_FENCED,
                    ERROR_REASON_SEQUENCE_GAP,
                    ERROR_REASON_UNKNOWN_PRODUCER,
                    ERROR_REASON_LEASE_LOST,
                    ERROR_REASON_OWNERSHIP_LOST,
                    ERROR_REASON_MEMBER_FENCED,
                    ERROR_REASON_INSTANCE_IN_USE,
                    ERROR_REASON_GROUP_NOT_EMPTY,
                    ERROR_REASON_READ_TOO_STALE -> io.grpc.Status.Code.FAILED_PRECONDITION;
            case ERROR_REASON_TOPIC_NOT_FOUND,
                    ERROR_REASON_PARTITION_NOT_FOUND,
                    ERROR_REASON_GROUP_NOT_FOUND,
                    ERROR_REASON_NODE_NOT_FOUND -> io.grpc.Status.Code.NOT_FOUND;
            case ERROR_REASON_TOPIC_EXISTS, ERROR_REASON_GROUP_EXISTS -> io.grpc.Status.Code.ALREADY_EXISTS;
            case ERROR_REASON_OFFSET_OUT_OF_RANGE -> io.grpc.Status.Code.OUT_OF_RANGE;
            case ERROR_REASON_EXPECTED_OFFSET_MISMATCH -> io.grpc.Status.Code.ABORTED;
            case ERROR_REASON_RECORD_TOO_LARGE, ERROR_REASON_INVALID_BATCH, ERROR_REASON_INVALID_REQUEST ->
                io.grpc.Status.Code.INVALID_ARGUMENT;
            case ERROR_REASON_OVERLOADED,
                    ERROR_REASON_DISK_FULL,
                    ERROR_REASON_TOPIC_FULL,
                    ERROR_REASON_QUOTA_EXCEEDED -> io.grpc.Status.Code.RESOURCE_EXHAUSTED;
            case ERROR_REASON_UNAVAILABLE -> io.grpc.Status.Code.UNAVAILABLE;
            case ERROR_REASON_DEADLINE_EXPIRED -> io.grpc.Status.Code.DEADLINE_EXCEEDED;
            case ERROR_REASON_DATA_DAMAGED -> io.grpc.Status.Code.DATA_LOSS;
            default -> io.grpc.Status.Code.INTERNAL;
        };
    }
}
