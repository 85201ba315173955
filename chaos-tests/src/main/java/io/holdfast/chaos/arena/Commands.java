package io.holdfast.chaos.arena;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs programs of the operating system. */
final class Commands {
    private static final long SECONDS_MAX = 60;

    private Commands() {}

    /**
     * Runs a command to its end and returns what it said.
     *
     * @throws IOException if it fails or takes too long; with what it said
     */
    static String run(List<String> command) throws IOException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        try {
            process.getOutputStream().close();
            String said = new String(process.getInputStream().readAllBytes(), UTF_8).trim();
            if (!process.waitFor(SECONDS_MAX, TimeUnit.SECONDS) || process.exitValue() != 0) {
                throw new IOException(String.join(" ", command) + " did not work: " + said);
            }
            return said;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted in " + String.join(" ", command), e);
        } finally {
            process.destroyForcibly();
        }
    }

    static String run(String... command) throws IOException {
        return run(List.of(command));
    }

    static boolean works(String... command) {
        try {
            run(command);
            return true;
        } catch (IOException e) {
            return false;
        }
    }
}
