package io.holdfast.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.node.config.ConfigException;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Sends lines. */
@Command(
        name = "produce",
        mixinStandardHelpOptions = true,
        description = {
            "Sends each line of standard input, or of a file, as a record. Returns when all are acknowledged: on the disks"
                    + " of a majority.",
            "",
            "Exit code 1 if a line was not stored; standard error says how many, and whether it is certain."
        })
final class ProduceCommand implements Callable<Integer> {
    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Parameters(index = "0", paramLabel = "TOPIC")
    String topic = "";

    @Parameters(index = "1", arity = "0..1", paramLabel = "FILE", description = "Default: standard input.")
    @Nullable
    Path file;

    @Option(
            names = {"-k", "--key"},
            paramLabel = "KEY",
            description = "Key of every record: they all go to one partition, in order.")
    @Nullable
    String key;

    @Option(
            names = "--key-separator",
            paramLabel = "TEXT",
            description = "What is before it in a line is the key, what is after it the value.")
    @Nullable
    String separator;

    @Option(
            names = "--delete",
            description = "Each line is a key, sent without a value: in a topic with --compact the key's records go.")
    boolean delete;

    @Option(
            names = "--id-separator",
            paramLabel = "TEXT",
            description = "What is before it in a line is the message id, for topics with a --dedup-window.")
    @Nullable
    String idSeparator;

    @Option(
            names = {"-p", "--partition"},
            description = "Send everything to this partition.")
    @Nullable
    Integer partition;

    @Option(
            names = "--priority",
            paramLabel = "0-9",
            description = "For queue groups that hand out the highest first. Records without one count as 4.")
    @Nullable
    Integer priority;

    @Option(
            names = "--ttl",
            paramLabel = "TIME",
            converter = TimeSpans.class,
            description = "No queue group gets it later than this after its append, e.g. 10m.")
    @Nullable
    Duration timeToLive;

    @Option(
            names = "--delay",
            paramLabel = "TIME",
            converter = TimeSpans.class,
            description = "Not in the log before it has passed, e.g. 90s or 7d. See holdfast schedule.")
    @Nullable
    Duration delay;

    @Option(
            names = "--deliver-at",
            paramLabel = "TIME",
            description = "Not in the log before this time, e.g. 2026-12-31T23:00:00Z.")
    @Nullable
    Instant deliverAt;

    @Mixin
    BatchOptions batch = new BatchOptions();

    @Option(names = "--name", description = "Producer name: a later run with the same name fences this one.")
    @Nullable
    String name;

    @Option(
            names = "--timeout",
            paramLabel = "SECONDS",
            defaultValue = "60",
            description = "How long to try to deliver a record. Default: ${DEFAULT-VALUE}.")
    long timeoutSeconds;

    private final AtomicLong acknowledged = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final AtomicReference<HoldfastException> firstFailure = new AtomicReference<>();

    @Override
    public Integer call() throws IOException {
        if (delete && (key != null || separator != null)) {
            throw new ConfigException("with --delete each line is a key: leave out --key and --key-separator");
        }
        ProducerSettings settings = ProducerSettings.DEFAULT
                .withName(name)
                .withBatchBytesMax(batch.bytes())
                .withLinger(batch.linger())
                .withCompression(batch.compression())
                .withDeliveryTimeout(Duration.ofSeconds(timeoutSeconds));
        Progress progress = new Progress();
        long started = System.nanoTime();
        long sent = 0;
        long bytes = 0;
        try (HoldfastClient client = connect.connect();
                Producer producer = client.newProducer(settings);
                BufferedReader lines = new BufferedReader(new InputStreamReader(open(), UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                ProducerRecord record = record(line);
                bytes += line.length();
                sent++;
                producer.send(record).whenComplete((position, failure) -> {
                    if (failure == null) {
                        acknowledged.incrementAndGet();
                    } else {
                        failed.incrementAndGet();
                        if (failure instanceof HoldfastException refusal) {
                            firstFailure.compareAndSet(null, refusal);
                        }
                    }
                });
                if (sent % 100 == 0) {
                    progress.show(sent + " sent, " + acknowledged.get() + " acknowledged");
                }
            }
            producer.flush();
        }
        double seconds = (System.nanoTime() - started) / 1e9;
        awaitCallbacks(sent);
        progress.done(String.format(
                "%d records acknowledged in %.2f s (%.1f MB/s)", acknowledged.get(), seconds, bytes / 1e6 / seconds));
        HoldfastException first = firstFailure.get();
        if (first != null) {
            System.err.println(failed.get() + " records failed; the first because: " + first.getMessage() + " (outcome "
                    + first.outcome().name().substring("WRITE_OUTCOME_".length()) + ")");
            return Main.EXIT_FAILED;
        }
        return 0;
    }

    /** Callbacks of the last records may still be under way when flush has seen them done. */
    private void awaitCallbacks(long sent) {
        long deadline = System.nanoTime() + Duration.ofSeconds(5).toNanos();
        while (acknowledged.get() + failed.get() < sent && System.nanoTime() < deadline) {
            Thread.onSpinWait();
        }
    }

    private InputStream open() throws IOException {
        return file == null ? System.in : new FileInputStream(file.toFile());
    }

    private ProducerRecord record(String line) {
        String recordKey = key;
        String value = line;
        String id = null;
        int idEnd = idSeparator == null ? -1 : value.indexOf(idSeparator);
        if (idEnd >= 0 && idSeparator != null) {
            id = value.substring(0, idEnd);
            value = value.substring(idEnd + idSeparator.length());
        }
        int at = separator == null ? -1 : value.indexOf(separator);
        if (at >= 0 && separator != null) {
            recordKey = value.substring(0, at);
            value = value.substring(at + separator.length());
        }
        if (delete) {
            recordKey = value;
        }
        ProducerRecord record = new ProducerRecord(
                topic,
                partition,
                recordKey == null ? null : recordKey.getBytes(UTF_8),
                delete ? null : value.getBytes(UTF_8),
                List.of(),
                System.currentTimeMillis());
        if (id != null) {
            record = record.withMessageId(id);
        }
        if (priority != null) {
            record = record.withPriority(priority);
        }
        if (timeToLive != null) {
            record = record.withTimeToLive(timeToLive);
        }
        Instant due = delay == null ? deliverAt : Instant.now().plus(delay);
        return due == null ? record : record.withDeliverAt(due);
    }
}
