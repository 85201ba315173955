package io.holdfast.consensus;

import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * An expected, typed "no". Carries what the API says about it: the reason, whether a write may have taken effect, when
 * to come back, and facts for programs. Has no stack trace: it is an answer, not a failure.
 */
public final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final ErrorReason reason;
    private final WriteOutcome outcome;
    private final transient @Nullable Duration retryAfter;
    private final transient Map<String, String> facts;

    public Refusal(
            ErrorReason reason,
            WriteOutcome outcome,
            String message,
            @Nullable Duration retryAfter,
            Map<String, String> facts) {
        super(message, null, false, false);
        this.reason = reason;
        this.outcome = outcome;
        this.retryAfter = retryAfter;
        this.facts = Map.copyOf(facts);
    }

    /** Nothing was written. */
    public static Refusal of(ErrorReason reason, String message) {
        return new Refusal(reason, WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, message, null, Map.of());
    }

    /** The request makes no sense; nothing was written. */
    public static Refusal invalid(String message) {
        return of(ErrorReason.ERROR_REASON_INVALID_REQUEST, message);
    }

    /** Nothing was written; the same will be welcome later. */
    public static Refusal later(ErrorReason reason, String message, Duration retryAfter) {
        return new Refusal(reason, WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, message, retryAfter, Map.of());
    }

    public static Refusal of(ErrorReason reason, String message, Map<String, String> facts) {
        return new Refusal(reason, WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, message, null, facts);
    }

    /**
     * This node does not lead the group.
     *
     * @param leader node that does, 0 if not known
     */
    public static Refusal notLeader(WriteOutcome outcome, int leader, String leaderAddress) {
        String message = leader == 0
                ? "no leader is known right now: try again in a moment"
                : "node " + leader + " leads this partition: send it there";
        Map<String, String> facts = leader == 0
                ? Map.of()
                : Map.of("leader_node", Integer.toString(leader), "leader_address", leaderAddress);
        return new Refusal(ErrorReason.ERROR_REASON_NOT_LEADER, outcome, message, Duration.ofMillis(50), facts);
    }

    /** The state that a proposal was for has been replaced by a copied one before its result was known. */
    public static Refusal replacedMeanwhile() {
        return new Refusal(
                ErrorReason.ERROR_REASON_UNAVAILABLE,
                WriteOutcome.WRITE_OUTCOME_UNKNOWN,
                "the replica was replaced meanwhile: try again",
                null,
                Map.of());
    }

    public ErrorReason reason() {
        return reason;
    }

    public WriteOutcome outcome() {
        return outcome;
    }

    public @Nullable Duration retryAfter() {
        return retryAfter;
    }

    public Map<String, String> facts() {
        return facts;
    }

    public String message() {
        String message = getMessage();
        return message == null ? reason.name() : message;
    }
}
