package io.holdfast.consensus.raft;

import io.holdfast.consensus.Causes;
import io.holdfast.consensus.Refusal;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.time.Duration;
import java.util.Map;
import java.util.function.IntFunction;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.exceptions.LeaderNotReadyException;
import org.apache.ratis.protocol.exceptions.LeaderSteppingDownException;
import org.apache.ratis.protocol.exceptions.NotLeaderException;
import org.apache.ratis.protocol.exceptions.ResourceUnavailableException;
import org.jspecify.annotations.Nullable;

/** Says in our words what Ratis says in its exceptions. */
public final class RaftFailures {
    private static final Duration SOON = Duration.ofMillis(50);

    private RaftFailures() {}

    /**
     * The refusal that a reply amounts to, or null if it is a success.
     *
     * @param appended the entry may be in somebody's log: a leader that lost office does not know its fate, whatever
     *     the exception is called
     */
    public static @Nullable Refusal refusal(
            RaftGroupHandle group,
            IntFunction<String> addressOf,
            @Nullable RaftClientReply reply,
            @Nullable Throwable failure,
            boolean appended) {
        Throwable cause = failure;
        if (reply != null) {
            if (reply.isSuccess()) {
                return null;
            }
            cause = reply.getException();
        }
        cause = cause == null ? null : Causes.of(cause);
        WriteOutcome outcome = appended ? WriteOutcome.WRITE_OUTCOME_UNKNOWN : WriteOutcome.WRITE_OUTCOME_NOT_APPLIED;
        if (cause instanceof NotLeaderException || cause instanceof LeaderSteppingDownException) {
            return notLeader(group, addressOf, appended);
        }
        if (cause instanceof ResourceUnavailableException) {
            return new Refusal(
                    ErrorReason.ERROR_REASON_OVERLOADED,
                    outcome,
                    "the partition has too many entries in flight: slow down and send it again",
                    SOON,
                    Map.of());
        }
        String what = cause instanceof LeaderNotReadyException
                ? "the new leader is not ready yet"
                : "the partition cannot answer right now (" + (cause == null ? "no reason given" : cause.getMessage())
                        + ")";
        return new Refusal(
                ErrorReason.ERROR_REASON_UNAVAILABLE, outcome, "try again in a moment: " + what, SOON, Map.of());
    }

    public static Refusal notLeader(RaftGroupHandle group, IntFunction<String> addressOf, boolean appended) {
        int leader = group.leaderNode();
        if (group.isLeader()) {
            leader = 0; // it was not when it refused, and who knows for how long it is now
        }
        return Refusal.notLeader(
                appended ? WriteOutcome.WRITE_OUTCOME_UNKNOWN : WriteOutcome.WRITE_OUTCOME_NOT_APPLIED,
                leader,
                leader == 0 ? "" : addressOf.apply(leader));
    }
}
