package io.holdfast.node.cluster;

import java.util.concurrent.TimeUnit;

/**
 * How many wakings may be under way at a time: one more after as many that went fast, half as many after a slow one. So a
 * group is woken on all its nodes before its members lose patience and stand for election one by one, which takes from
 * those that are being woken what they need, until none gets through (the way of TCP with a network that it does not know;
 * Jacobson 1988). Any thread.
 */
final class WakePace {
    private static final double START = 4;
    private static final double MIN = 1;
    private static final double MAX = 16;
    private static final long FAST_NANOS = TimeUnit.MILLISECONDS.toNanos(750);
    private static final long SLOW_NANOS = TimeUnit.MILLISECONDS.toNanos(1_500);

    private double window = START;
    private int underWay;
    /** What began before was not under way with the window as it is since then. */
    private long cutNanos = Long.MIN_VALUE;

    /** Whether one more may begin; if so it counts until it has {@link #ended}. */
    synchronized boolean begins() {
        boolean may = underWay < (int) window;
        underWay += may ? 1 : 0;
        return may;
    }

    /** @param tells whether its time says how busy the nodes are */
    synchronized void ended(long beganNanos, long nowNanos, boolean tells) {
        underWay--;
        long took = nowNanos - beganNanos;
        if (!tells) {
            return;
        }
        if (took < FAST_NANOS) {
            window = Math.min(MAX, window + 1 / window);
        } else if (took > SLOW_NANOS && beganNanos > cutNanos) {
            window = Math.max(MIN, window / 2);
            cutNanos = nowNanos;
        }
    }
}
