package io.holdfast.chaos.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/** Tests whose own {@code main} is run to its end, by a process of its own, on a disk that forgets. */
abstract class OnFaultyDisk {
    @TempDir
    Path folder;

    Path data;
    FaultyDisk disk;

    @BeforeEach
    void compile() throws IOException {
        Path library = FaultyDisk.compile(folder);
        assumeTrue(library != null, "needs a C compiler");
        Path node = Files.createDirectories(folder.resolve("node"));
        data = node.resolve("data");
        disk = new FaultyDisk(library, node, data);
    }

    /** The process must end well. */
    final void run(String what) throws IOException, InterruptedException {
        assertThat(exitOf(what)).isZero();
    }

    /** @param what first argument; the second is the data folder, without links in its path */
    final int exitOf(String what) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xshare:auto",
                "-cp",
                System.getProperty("java.class.path"),
                getClass().getName(),
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
