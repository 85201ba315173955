package io.holdfast.chaos.arena;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** A test's own {@code main}, run to its end by a process of its own on a faulty disk. */
final class FaultyProcess {
    private FaultyProcess() {}

    /** It must end well. */
    static void run(FaultyDisk disk, Path data, Class<?> main, String what) throws IOException, InterruptedException {
        assertThat(exitOf(disk, data, main, what)).isZero();
    }

    /** @param what first argument; the second is the data folder, without links in its path */
    static int exitOf(FaultyDisk disk, Path data, Class<?> main, String what) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                main.getName(),
                what,
                data.toRealPath().toString());
        builder.environment().putAll(disk.environment());
        Process process = builder.inheritIO().start();
        try {
            assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
            return process.exitValue();
        } finally {
            process.destroyForcibly();
        }
    }
}
