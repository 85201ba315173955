package io.holdfast.chaos.arena;

import java.time.Duration;

/**
 * What a wire does to each packet, in both directions.
 *
 * @param delay that each has
 * @param jitter up to so much more, at random: packets overtake each other
 * @param lostPercent how many never arrive
 * @param doubledPercent how many arrive twice
 */
public record Wire(Duration delay, Duration jitter, int lostPercent, int doubledPercent) {
    public static final Wire GOOD = new Wire(Duration.ZERO, Duration.ZERO, 0, 0);

    public static Wire slow(Duration delay) {
        return new Wire(delay, Duration.ZERO, 0, 0);
    }

    /** As {@link #slow}, and packets overtake each other. */
    public static Wire shaky(Duration delay, Duration jitter) {
        return new Wire(delay, jitter, 0, 0);
    }

    public static Wire lossy(int lostPercent, int doubledPercent) {
        return new Wire(Duration.ZERO, Duration.ZERO, lostPercent, doubledPercent);
    }
}
