package io.holdfast.cli;

import io.holdfast.record.Compression;
import java.time.Duration;
import picocli.CommandLine.Option;

/** How a producer batches. */
public final class BatchOptions {
    @Option(
            names = "--batch-size",
            paramLabel = "BYTES",
            defaultValue = "65536",
            description = "Default: ${DEFAULT-VALUE}.")
    int bytes;

    @Option(
            names = "--linger",
            paramLabel = "MS",
            defaultValue = "0",
            description = "How long a batch waits to fill, in milliseconds. Default: ${DEFAULT-VALUE}.")
    long lingerMs;

    @Option(
            names = {"-z", "--compression"},
            defaultValue = "NONE",
            description = "${COMPLETION-CANDIDATES}. Default: ${DEFAULT-VALUE}.")
    Compression compression = Compression.NONE;

    public int bytes() {
        return bytes;
    }

    public Duration linger() {
        return Duration.ofMillis(lingerMs);
    }

    public Compression compression() {
        return compression;
    }
}
