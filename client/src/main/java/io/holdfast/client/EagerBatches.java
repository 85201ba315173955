package io.holdfast.client;

import java.util.concurrent.TimeUnit;

/**
 * How many batches to a partition may be unanswered when one is sent that has room left. Where answers come at once, several
 * may, so that no record waits for the one before. Where they take longer than that is worth, there is much to do: then it is
 * one, and what comes meanwhile fills the next, since a batch costs client and nodes about the same whatever is in it. Nagle's
 * idea (RFC 896), for as long as answers are slow. Not thread-safe.
 */
final class EagerBatches {
    static final int MOST = 5;
    /** Batches sent early are as many as are answered within this time. */
    private static final long WORTH_NANOS = TimeUnit.MILLISECONDS.toNanos(5);
    /** Of the running mean, by the latest answer. */
    private static final double SHARE = 0.125;
    /** One that took far longer, as when a leader was lost, is not remembered for long. */
    private static final long ANSWER_NANOS_MAX = TimeUnit.MILLISECONDS.toNanos(50);

    private double answerNanos = WORTH_NANOS;

    /** An answer took so long. */
    void answered(long nanos) {
        answerNanos += SHARE * (Math.min(ANSWER_NANOS_MAX, nanos) - answerNanos);
    }

    /** At least 1. */
    int most() {
        return (int) Math.max(1, Math.min(MOST, WORTH_NANOS / answerNanos));
    }
}
