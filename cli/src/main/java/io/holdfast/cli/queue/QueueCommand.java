package io.holdfast.cli.queue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.RecordText;
import io.holdfast.cli.Table;
import io.holdfast.cli.TimeSpans;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.QueueLeases;
import io.holdfast.v1.DecideParkedResult;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.ParkedDecision;
import io.holdfast.v1.ParkedPlace;
import io.holdfast.v1.ParkedRecord;
import java.io.IOException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** Records of a queue group, by hand. */
@Command(
        name = "queue",
        mixinStandardHelpOptions = true,
        description = "Leases records of a queue group and settles them, for scripts and for looking around.")
public final class QueueCommand implements Runnable {
    private static final Pattern LEASE = Pattern.compile("(\\d+)@(\\d+):(\\d+)");
    private static final Pattern PLACE = Pattern.compile("(\\d+)@(\\d+)");
    private static final String LEASE_FORM = "PARTITION@OFFSET:LEASE, as poll prints it";

    enum Decision {
        retry,
        dead,
        done
    }

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Leases records and prints each as a JSON object; \"lease\" in it is what ack and nack want.",
                "What is not settled comes again when its lease runs out. Exits with 1 if there was nothing."
            })
    int poll(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Option(
                            names = {"-n", "--count"},
                            defaultValue = "1",
                            description = "At most so many. Default: ${DEFAULT-VALUE}.")
                    int count,
            @Option(
                            names = {"-w", "--wait"},
                            defaultValue = "1s",
                            converter = TimeSpans.class,
                            paramLabel = "TIME",
                            description = "How long to wait for the first. Default: ${DEFAULT-VALUE}.")
                    Duration wait,
            @Option(
                            names = "--lease",
                            converter = TimeSpans.class,
                            paramLabel = "TIME",
                            description = "Default: as the group says.")
                    @Nullable
                    Duration lease,
            @Option(names = "--member", defaultValue = "cli", description = "Who asks. Default: ${DEFAULT-VALUE}.")
                    String member)
            throws IOException {
        try (HoldfastClient client = connect.connect()) {
            List<QueueLeases.Leased> leased =
                    client.queueLeases(topic, group, member).poll(count, wait, lease);
            ObjectMapper json = new ObjectMapper();
            for (QueueLeases.Leased one : leased) {
                ObjectNode object = RecordText.json(one.record());
                object.put(
                        "lease",
                        one.record().partition() + "@" + one.record().offset() + ":"
                                + Long.toUnsignedString(one.leaseId()));
                object.put("delivery", one.deliveryCount());
                object.put("failures", one.failureCount());
                System.out.println(json.writeValueAsString(object));
            }
            return leased.isEmpty() ? 1 : 0;
        }
    }

    @Command(mixinStandardHelpOptions = true, description = "Accepts leased records: they are done.")
    int ack(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Parameters(paramLabel = "LEASE", arity = "1..*", description = LEASE_FORM) List<String> leases) {
        return settle(connect, topic, group, leases, Outcome.OUTCOME_ACCEPT, null, "");
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Gives leased records back: to be retried, unless --release or --reject.")
    int nack(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Parameters(paramLabel = "LEASE", arity = "1..*", description = LEASE_FORM) List<String> leases,
            @Option(names = "--release", description = "They were not touched: no failure is counted.") boolean release,
            @Option(names = "--reject", description = "They can never succeed: dead-letter them now.") boolean reject,
            @Option(
                            names = "--delay",
                            converter = TimeSpans.class,
                            paramLabel = "TIME",
                            description = "Before the retry. Default: the group's backoff.")
                    @Nullable
                    Duration delay,
            @Option(names = "--reason", defaultValue = "", description = "Why.") String reason) {
        Outcome outcome = release ? Outcome.OUTCOME_RELEASE : reject ? Outcome.OUTCOME_REJECT : Outcome.OUTCOME_RETRY;
        return settle(connect, topic, group, leases, outcome, delay, reason);
    }

    @Command(
            mixinStandardHelpOptions = true,
            description =
                    "Lists the records that a keyed_park_failed group has given up on and that hold back their keys.")
    int parked(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Option(
                            names = {"-n", "--count"},
                            defaultValue = "20",
                            description = "Of each partition at most so many. Default: ${DEFAULT-VALUE}.")
                    int count) {
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table("RECORD", "FAILURES", "LAST FAILURE", "KEY", "REASON");
            for (ParkedRecord record : client.queues().parked(topic, group, count)) {
                table.row(
                        record.getPartition() + "@" + record.getOffset(),
                        record.getFailureCount(),
                        Instant.ofEpochSecond(record.getLastFailureTime().getSeconds()),
                        record.getRecord().hasKey()
                                ? RecordText.brief(record.getRecord().getKey())
                                : "-",
                        record.getLastFailure());
            }
            table.print();
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Says what becomes of parked records; their keys go on.",
                "Exit code 1 if one is not parked, or not any more."
            })
    int decide(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Option(
                            names = "--as",
                            required = true,
                            description =
                                    "retry: from the start; dead: to the dead-letter topic; done: as if accepted.")
                    Decision decision,
            @Parameters(paramLabel = "RECORD", arity = "1..*", description = "PARTITION@OFFSET, as parked prints it")
                    List<String> records) {
        List<ParkedPlace> places = new ArrayList<>();
        for (String record : records) {
            Matcher parts = PLACE.matcher(record);
            if (!parts.matches()) {
                throw new ParameterException(spec.commandLine(), "'" + record + "' is not PARTITION@OFFSET");
            }
            places.add(ParkedPlace.newBuilder()
                    .setPartition(Integer.parseInt(parts.group(1)))
                    .setOffset(Long.parseLong(parts.group(2)))
                    .build());
        }
        int missed = 0;
        try (HoldfastClient client = connect.connect()) {
            ParkedDecision asked =
                    ParkedDecision.valueOf("PARKED_DECISION_" + decision.name().toUpperCase(Locale.ROOT));
            List<DecideParkedResult> results = client.queues().decide(topic, group, places, asked);
            for (int i = 0; i < records.size(); i++) {
                if (!results.get(i).getDecided()) {
                    missed++;
                    System.err.println(records.get(i) + ": "
                            + (results.get(i).hasError()
                                    ? results.get(i).getError().getMessage()
                                    : "not parked"));
                }
            }
        }
        return missed == 0 ? 0 : 1;
    }

    private int settle(
            ConnectOptions connect,
            String topic,
            String group,
            List<String> leases,
            Outcome outcome,
            @Nullable Duration delay,
            String reason) {
        int lost = 0;
        try (HoldfastClient client = connect.connect()) {
            QueueLeases queue = client.queueLeases(topic, group, "cli");
            for (String lease : leases) {
                Matcher parts = LEASE.matcher(lease);
                if (!parts.matches()) {
                    throw new ParameterException(spec.commandLine(), "'" + lease + "' is not " + LEASE_FORM);
                }
                String refused = queue.settle(
                        Integer.parseInt(parts.group(1)),
                        Long.parseLong(parts.group(2)),
                        Long.parseUnsignedLong(parts.group(3)),
                        outcome,
                        delay,
                        reason);
                if (refused != null) {
                    lost++;
                    System.err.println(lease + ": " + refused);
                }
            }
        }
        return lost == 0 ? 0 : 1;
    }
}
