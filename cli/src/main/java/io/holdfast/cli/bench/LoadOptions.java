package io.holdfast.cli.bench;

import io.holdfast.bench.LoadShape;
import io.holdfast.cli.BatchOptions;
import java.time.Duration;
import java.util.Locale;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** What a load does, from the command line. */
final class LoadOptions {
    @Option(
            names = {"-t", "--topic"},
            defaultValue = "bench",
            description = "Created if there is none. Default: ${DEFAULT-VALUE}.")
    String topic = "";

    @Option(names = "--partitions", defaultValue = "1", description = "Default: ${DEFAULT-VALUE}.")
    int partitions;

    @Option(
            names = "--replicas",
            defaultValue = "0",
            description = "If the topic has to be created. Default: as for every topic.")
    int replicas;

    @Option(
            names = "--record-size",
            paramLabel = "BYTES",
            defaultValue = "1024",
            description = "Size of each value. Default: ${DEFAULT-VALUE}.")
    int recordBytes;

    @Option(
            names = "--rate",
            paramLabel = "RECORDS",
            defaultValue = "0",
            description =
                    "Records per second; each record's latency counts from when it was due. Default: as fast as it"
                            + " goes.")
    long rate;

    @Option(
            names = "--window",
            paramLabel = "BYTES",
            defaultValue = "20971520",
            description = "Bytes sent and not yet acknowledged, at most, without --rate. Default: ${DEFAULT-VALUE}.")
    long windowBytes;

    @Mixin
    BatchOptions batch = new BatchOptions();

    @Option(
            names = "--warm-up",
            paramLabel = "SECONDS",
            defaultValue = "10",
            description = "Load that is not counted. Default: ${DEFAULT-VALUE}.")
    int warmUpSeconds;

    @Option(
            names = {"-s", "--seconds"},
            defaultValue = "30",
            description = "Load that is counted. Default: ${DEFAULT-VALUE}.")
    int seconds;

    LoadShape shape() {
        return new LoadShape(
                topic,
                partitions,
                recordBytes,
                rate,
                windowBytes,
                batch.bytes(),
                batch.linger(),
                batch.compression().name().toLowerCase(Locale.ROOT),
                Duration.ofSeconds(warmUpSeconds),
                Duration.ofSeconds(seconds));
    }
}
