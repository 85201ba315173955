package io.holdfast.cli.queue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.RecordText;
import io.holdfast.cli.TimeSpans;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.QueueLeases;
import io.holdfast.v1.Outcome;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
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
    private static final String LEASE_FORM = "PARTITION@OFFSET:LEASE, as poll prints it";

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
