package io.holdfast.cli;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.client.QueueConsumer;
import io.holdfast.client.QueueDelivery;
import io.holdfast.client.QueueSettings;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.v1.StreamConfig;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Prints records. */
@Command(
        name = "consume",
        mixinStandardHelpOptions = true,
        description = {
            "Prints the records of a topic: those of a partition in order, those of different partitions as they come.",
            "",
            "By default from the beginning to what is there now; --follow goes on."
        })
final class ConsumeCommand implements Callable<Integer> {
    /** How long to wait for the first record of a group, and for another one. */
    private static final Duration FIRST_PATIENCE = Duration.ofSeconds(3);

    private static final Duration NEXT_PATIENCE = Duration.ofSeconds(1);
    private static final Duration FOLLOW_PATIENCE = Duration.ofMillis(200);

    enum Output {
        raw,
        json
    }

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Parameters(paramLabel = "TOPIC")
    String topic = "";

    @Option(
            names = {"-p", "--partition"},
            description = "Only this partition. Default: all.")
    @Nullable
    Integer partition;

    @Option(
            names = "--from",
            defaultValue = "earliest",
            converter = Positions.class,
            paramLabel = "POSITION",
            description = Positions.FORMS + ". Default: ${DEFAULT-VALUE}.")
    Position from = Position.earliest();

    @Option(
            names = "--until",
            converter = Positions.class,
            paramLabel = "POSITION",
            description = "Stop before this position.")
    @Nullable
    Position until;

    @Option(
            names = {"-n", "--count"},
            description = "Stop after so many records.")
    long count = Long.MAX_VALUE;

    @Option(
            names = {"-f", "--follow"},
            description = "Go on at the end, until Ctrl-C.")
    boolean follow;

    @Option(
            names = {"-o", "--output"},
            defaultValue = "raw",
            description =
                    "raw: the value and a newline. json: an object per line; what is not UTF-8 as base64. Default: ${DEFAULT-VALUE}.")
    Output output = Output.raw;

    @Option(
            names = {"-g", "--group"},
            paramLabel = "GROUP",
            description = {
                "As a member of this queue group: other members get other records, and what is printed is accepted.",
                "Made with the defaults if there is none. --from and --until do not apply."
            })
    @Nullable
    String group;

    @Option(
            names = "--stream-group",
            paramLabel = "GROUP",
            description = {
                "As a member of this stream group: partitions that other members own are left out, and what is printed is",
                "committed. Made if there is none; --from says where it begins then."
            })
    @Nullable
    String streamGroup;

    @Option(names = "--any-replica", description = "Read from any replica, also one that lags behind.")
    boolean anyReplica;

    @Override
    public Integer call() throws IOException {
        if (streamGroup != null) {
            if (group != null || partition != null || until != null) {
                throw new ParameterException(
                        spec.commandLine(), "--stream-group goes without --group, --partition and --until");
            }
            return asOwner(streamGroup);
        }
        if (group != null) {
            return asMember(group);
        }
        ReaderSettings settings = ReaderSettings.of(topic).withFrom(from).withFollow(follow);
        if (partition != null) {
            settings = settings.withPartition(partition);
        }
        if (until != null) {
            settings = settings.withUntil(until);
        }
        if (anyReplica) {
            settings = settings.withMode(ReadMode.any());
        }
        try (HoldfastClient client = connect.connect();
                Reader reader = client.newReader(settings);
                OutputStream out = new BufferedOutputStream(System.out, 1 << 16)) {
            long printed = 0;
            while (printed < count) {
                ReceivedRecord record = reader.poll(Duration.ofMillis(50));
                if (record != null) {
                    RecordText.print(record, output == Output.json, out);
                    printed++;
                } else if (reader.isFinished()) {
                    break;
                } else {
                    out.flush(); // nothing more for the moment: show what there is
                }
            }
        }
        return 0;
    }

    /** Without --follow, until no record comes for a while. What is printed is committed, and nothing else. */
    private int asOwner(String of) throws IOException {
        StreamSettings settings = StreamSettings.of(of, topic)
                .withConfig(StreamConfig.newBuilder().setStart(from.start()).build())
                .withCommitEvery(Duration.ZERO);
        if (anyReplica) {
            settings = settings.withMode(ReadMode.any());
        }
        try (HoldfastClient client = connect.connect();
                OutputStream out = new BufferedOutputStream(System.out, 1 << 16);
                UntilInterrupted interrupt = new UntilInterrupted();
                StreamConsumer consumer = client.newStreamConsumer(settings)) {
            long printed = 0;
            Duration patience = FIRST_PATIENCE;
            while (printed < count && !interrupt.isWanted()) {
                List<ReceivedRecord> polled = consumer.poll(follow ? FOLLOW_PATIENCE : patience);
                if (polled.isEmpty() && !follow) {
                    break;
                }
                List<ReceivedRecord> records = polled.subList(0, (int) Math.min(polled.size(), count - printed));
                for (ReceivedRecord record : records) {
                    RecordText.print(record, output == Output.json, out);
                }
                out.flush();
                if (!records.isEmpty()) {
                    consumer.commit(records.get(records.size() - 1));
                }
                printed += records.size();
                patience = NEXT_PATIENCE;
            }
            if (consumer.ownershipEpochs().isEmpty()) {
                System.err.println("no partition is free: others own them, or did until their session ends: holdfast"
                        + " stream describe " + of);
            }
        }
        return 0;
    }

    /** Accepts each record when it is printed; without --follow, until none comes for a while. */
    private int asMember(String of) throws IOException {
        QueueSettings settings = QueueSettings.of(topic, of);
        if (partition != null) {
            settings = settings.withPartitions(List.of(partition));
        }
        if (count < settings.prefetch()) {
            settings = settings.withPrefetch((int) Math.max(1, count));
        }
        try (HoldfastClient client = connect.connect();
                OutputStream out = new BufferedOutputStream(System.out, 1 << 16);
                QueueConsumer consumer = client.newQueueConsumer(settings)) {
            long printed = 0;
            Duration patience = FIRST_PATIENCE;
            while (printed < count) {
                QueueDelivery delivery = consumer.poll(patience);
                if (delivery != null) {
                    RecordText.print(delivery.record(), output == Output.json, out);
                    delivery.accept();
                    printed++;
                    patience = NEXT_PATIENCE;
                } else if (!follow) {
                    break;
                } else {
                    out.flush();
                }
            }
            out.flush();
        }
        return 0;
    }
}
