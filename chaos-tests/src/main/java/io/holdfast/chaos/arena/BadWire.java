package io.holdfast.chaos.arena;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A program (wire.c) that carries packets between two network devices, and not well. */
final class BadWire implements AutoCloseable {
    private static final long PATIENCE_NANOS = 10_000_000_000L;
    private static final long LOOK_MS = 10;
    private static final int CARRIED = 0;
    private static final int LOST = 1;
    private static final int DOUBLED = 2;
    private static final int OVERTOOK = 3;
    private static final int COUNTS = 4;

    private final Wire wire;
    private final Path counts;
    private final Process process;

    /**
     * @param program from {@link NativeCode}
     * @param folder for what it counts and says
     */
    BadWire(Path program, Path folder, String oneDevice, String otherDevice, Wire wire, long seed) throws IOException {
        this.wire = wire;
        counts = folder.resolve(oneDevice + ".counts");
        Files.deleteIfExists(counts);
        process = new ProcessBuilder(
                        program.toString(),
                        oneDevice,
                        otherDevice,
                        Long.toString(wire.delay().toNanos() / 1000),
                        Long.toString(wire.jitter().toNanos() / 1000),
                        Integer.toString(wire.lostPercent()),
                        Integer.toString(wire.doubledPercent()),
                        Long.toString(seed),
                        counts.toString())
                .redirectErrorStream(true)
                .redirectOutput(folder.resolve(oneDevice + ".log").toFile())
                .start();
    }

    /** Waits until it has done once what it is there for. */
    void awaitHold() throws IOException {
        long deadline = System.nanoTime() + PATIENCE_NANOS;
        while (!hasHold()) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new IOException("a wire does not do what it should: " + wire + ", see " + counts);
            }
            try {
                Thread.sleep(LOOK_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
    }

    private boolean hasHold() throws IOException {
        if (!Files.exists(counts) || Files.size(counts) < COUNTS * Long.BYTES) {
            return false;
        }
        ByteBuffer now = ByteBuffer.wrap(Files.readAllBytes(counts)).order(ByteOrder.nativeOrder());
        return now.getLong(CARRIED * Long.BYTES) > 0
                && (wire.lostPercent() == 0 || now.getLong(LOST * Long.BYTES) > 0)
                && (wire.doubledPercent() == 0 || now.getLong(DOUBLED * Long.BYTES) > 0)
                && (wire.jitter().isZero() || now.getLong(OVERTOOK * Long.BYTES) > 0);
    }

    @Override
    public void close() throws IOException {
        process.destroyForcibly();
        try {
            if (!process.waitFor(PATIENCE_NANOS, TimeUnit.NANOSECONDS)) {
                throw new IOException("a wire does not end");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
