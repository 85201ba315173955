package io.holdfast.client;

import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.ErrorInfo;
import com.google.rpc.RetryInfo;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.protobuf.StatusProto;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Why something did not work. {@link #outcome} says of a write whether it may have taken effect: NOT_APPLIED is
 * certain, UNKNOWN means that the request left and no answer came.
 */
public final class HoldfastException extends RuntimeException {
    private static final long serialVersionUID = 1L;
    private static final String REASON_PREFIX = "ERROR_REASON_";
    private static final String OUTCOME_PREFIX = "WRITE_OUTCOME_";

    private final ErrorReason reason;
    private final WriteOutcome outcome;
    private final transient @Nullable Duration retryAfter;
    private final transient Map<String, String> facts;

    public HoldfastException(ErrorReason reason, WriteOutcome outcome, String message) {
        this(reason, outcome, message, null, Map.of());
    }

    private HoldfastException(
            ErrorReason reason,
            WriteOutcome outcome,
            String message,
            @Nullable Duration retryAfter,
            Map<String, String> facts) {
        super(message);
        this.reason = reason;
        this.outcome = outcome;
        this.retryAfter = retryAfter;
        this.facts = Map.copyOf(facts);
    }

    static HoldfastException notApplied(ErrorReason reason, String message) {
        return new HoldfastException(reason, WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, message);
    }

    static HoldfastException of(ItemError error) {
        Duration retryAfter = error.hasRetryAfter()
                ? Duration.ofSeconds(
                        error.getRetryAfter().getSeconds(),
                        error.getRetryAfter().getNanos())
                : null;
        return new HoldfastException(
                error.getReason(), error.getOutcome(), error.getMessage(), retryAfter, error.getMetadataMap());
    }

    /** Reads the details that our nodes send; without them the connection broke, and the outcome is unknown. */
    public static HoldfastException of(Throwable failure) {
        if (failure instanceof HoldfastException already) {
            return already;
        }
        Status status = Status.fromThrowable(failure);
        ErrorReason reason = status.getCode() == Status.Code.DEADLINE_EXCEEDED
                ? ErrorReason.ERROR_REASON_DEADLINE_EXPIRED
                : ErrorReason.ERROR_REASON_UNAVAILABLE;
        WriteOutcome outcome = WriteOutcome.WRITE_OUTCOME_UNKNOWN;
        Duration retryAfter = null;
        Map<String, String> facts = new HashMap<>();
        String message = status.getDescription() == null ? status.getCode().name() : status.getDescription();
        com.google.rpc.Status details =
                failure instanceof StatusRuntimeException e ? StatusProto.fromThrowable(e) : null;
        if (details != null) {
            for (Any detail : details.getDetailsList()) {
                try {
                    if (detail.is(ErrorInfo.class)) {
                        ErrorInfo info = detail.unpack(ErrorInfo.class);
                        facts.putAll(info.getMetadataMap());
                        reason = ErrorReason.valueOf(REASON_PREFIX + info.getReason());
                        outcome =
                                WriteOutcome.valueOf(OUTCOME_PREFIX + info.getMetadataOrDefault("outcome", "UNKNOWN"));
                    } else if (detail.is(RetryInfo.class)) {
                        var delay = detail.unpack(RetryInfo.class).getRetryDelay();
                        retryAfter = Duration.ofSeconds(delay.getSeconds(), delay.getNanos());
                    }
                } catch (InvalidProtocolBufferException | IllegalArgumentException e) {
                    message = message + " (with details that this client does not understand)";
                }
            }
        }
        return new HoldfastException(reason, outcome, message, retryAfter, facts);
    }

    public ErrorReason reason() {
        return reason;
    }

    public WriteOutcome outcome() {
        return outcome;
    }

    /** When the same request will be welcome, if the node said so. */
    public @Nullable Duration retryAfter() {
        return retryAfter;
    }

    /** What the node added for programs, such as {@code leader_node} or {@code log_start_offset}. */
    public Map<String, String> facts() {
        return facts;
    }

    /** Whether the same request may succeed later, on this or another node. */
    boolean isPassing() {
        return switch (reason) {
            case ERROR_REASON_NOT_LEADER,
                    ERROR_REASON_UNAVAILABLE,
                    ERROR_REASON_OVERLOADED,
                    ERROR_REASON_DISK_FULL,
                    ERROR_REASON_TOPIC_FULL,
                    ERROR_REASON_QUOTA_EXCEEDED,
                    ERROR_REASON_DATA_DAMAGED,
                    ERROR_REASON_READ_TOO_STALE,
                    ERROR_REASON_DEADLINE_EXPIRED -> true;
            default -> false;
        };
    }
}
