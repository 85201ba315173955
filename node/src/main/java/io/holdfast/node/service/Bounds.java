package io.holdfast.node.service;

import com.google.protobuf.Duration;
import com.google.protobuf.util.Durations;
import io.holdfast.consensus.Refusal;

/** Checks of what requests ask for. */
public final class Bounds {
    private Bounds() {}

    /**
     * A duration in milliseconds.
     *
     * @param what its name, for the refusal
     * @throws Refusal INVALID_REQUEST if it is none, or out of bounds
     */
    public static long millis(String what, Duration given, long minMs, long maxMs) {
        long ms = Durations.isValid(given) ? Durations.toMillis(given) : -1;
        if (ms < minMs || ms > maxMs) {
            throw Refusal.invalid("choose " + what + " between " + minMs + " ms and " + maxMs + " ms");
        }
        return ms;
    }
}
