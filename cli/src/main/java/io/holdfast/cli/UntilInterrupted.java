package io.holdfast.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** Lets a command that Ctrl-C ends put things in order first, for some seconds; {@link #close} when it has. */
final class UntilInterrupted implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 5;

    private final CountDownLatch done = new CountDownLatch(1);
    private volatile boolean wanted;

    UntilInterrupted() {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            wanted = true;
            try {
                done.await(PATIENCE_SECONDS, TimeUnit.SECONDS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }));
    }

    /** Whether the process is to end. */
    boolean isWanted() {
        return wanted;
    }

    @Override
    public void close() {
        done.countDown();
    }
}
