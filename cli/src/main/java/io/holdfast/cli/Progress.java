package io.holdfast.cli;

/** One line on standard error that is rewritten while something goes on; lines of their own where there is no terminal. */
public final class Progress {
    private static final long EVERY_NANOS = 200_000_000L;
    private static final long EVERY_NANOS_PLAIN = 2_000_000_000L;

    private final boolean terminal = System.console() != null;
    private long shownAt;
    private int width;

    public synchronized void show(String text) {
        long now = System.nanoTime();
        if (now - shownAt < (terminal ? EVERY_NANOS : EVERY_NANOS_PLAIN)) {
            return;
        }
        shownAt = now;
        if (terminal) {
            System.err.print("\r" + text + " ".repeat(Math.max(0, width - text.length())));
            width = text.length();
        } else {
            System.err.println(text);
        }
    }

    /** Ends the line with this text. */
    public synchronized void done(String text) {
        if (terminal) {
            System.err.print("\r" + " ".repeat(width) + "\r");
            width = 0;
        }
        System.err.println(text);
    }
}
