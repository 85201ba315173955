package io.holdfast.cli.queue;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.RecordText;
import io.holdfast.cli.Table;
import io.holdfast.client.DeadLetters;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.RedriveResult;
import io.holdfast.v1.RedriveState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Dead letters of queue groups. */
@Command(
        name = "dlq",
        mixinStandardHelpOptions = true,
        description = "Lists, shows, redrives and purges what a queue group has given up on.")
public final class DlqCommand implements Runnable {
    private static final int REDRIVE_BATCH = 500;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(mixinStandardHelpOptions = true, description = "Counts dead letters by reason.")
    int list(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group) {
        try (HoldfastClient client = connect.connect()) {
            Map<String, List<DeadLetters.Letter>> byReason = new TreeMap<>();
            for (DeadLetters.Letter letter : client.deadLetters(topic, group).list()) {
                byReason.computeIfAbsent(letter.header("reason"), r -> new ArrayList<>())
                        .add(letter);
            }
            Table table = new Table("RECORDS", "FIRST", "LAST", "REASON");
            byReason.forEach((reason, letters) -> table.row(
                    letters.size(),
                    letters.get(0).header("last-failure"),
                    letters.get(letters.size() - 1).header("last-failure"),
                    reason));
            table.print();
        }
        return 0;
    }

    @Command(mixinStandardHelpOptions = true, description = "Prints dead letters as JSON objects, headers and all.")
    int show(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Option(
                            names = {"-n", "--count"},
                            description = "Stop after so many.")
                    @Nullable
                    Integer count,
            @Option(names = "--filter", description = "Only reasons that match this regular expression.") @Nullable
                    Pattern filter)
            throws IOException {
        try (HoldfastClient client = connect.connect()) {
            ObjectMapper json = new ObjectMapper();
            for (DeadLetters.Letter letter : matching(client.deadLetters(topic, group), filter, count)) {
                System.out.println(json.writeValueAsString(RecordText.json(letter.record())));
            }
        }
        return 0;
    }

    private static List<DeadLetters.Letter> matching(
            DeadLetters letters, @Nullable Pattern filter, @Nullable Integer count) {
        return letters.list().stream()
                .filter(letter -> filter == null
                        || filter.matcher(letter.header("reason")).find())
                .limit(count == null ? Long.MAX_VALUE : count)
                .toList();
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Gives dead letters back to the group that failed on them, and to no other.",
                "Asked again, it goes on where it was: no record is given back twice for one death."
            })
    int redrive(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Option(
                            names = {"-n", "--count"},
                            description = "At most so many.")
                    @Nullable
                    Integer count,
            @Option(names = "--filter", description = "Only reasons that match this regular expression.") @Nullable
                    Pattern filter,
            @Option(names = "--rate", description = "Records per second. Default: as fast as it goes.") @Nullable
                    Integer rate,
            @Option(names = "--plan", description = "Only say how many that would be.") boolean plan)
            throws InterruptedException {
        try (HoldfastClient client = connect.connect()) {
            DeadLetters letters = client.deadLetters(topic, group);
            List<DeadLetters.Letter> chosen = matching(letters, filter, count);
            if (plan) {
                System.out.println(
                        "would redrive those of " + chosen.size() + " dead letters that were not redriven before");
                return 0;
            }
            Map<RedriveState, Integer> states = new TreeMap<>();
            int failed = 0;
            int step = rate == null ? REDRIVE_BATCH : Math.max(1, Math.min(REDRIVE_BATCH, rate / 10));
            long due = System.nanoTime();
            for (int from = 0; from < chosen.size(); from += step) {
                List<DeadLetters.Letter> part = chosen.subList(from, Math.min(chosen.size(), from + step));
                for (RedriveResult result : letters.redrive(part)) {
                    if (result.hasError()) {
                        failed++;
                        System.err.println(result.getError().getMessage());
                    } else {
                        states.merge(result.getState(), 1, Integer::sum);
                    }
                }
                if (rate != null) {
                    due += part.size() * 1_000_000_000L / Math.max(1, rate);
                    long waitMs = (due - System.nanoTime()) / 1_000_000;
                    if (waitMs > 0) {
                        Thread.sleep(waitMs);
                    }
                }
            }
            System.out.println(states.getOrDefault(RedriveState.REDRIVE_STATE_REDRIVEN, 0) + " redriven, "
                    + states.getOrDefault(RedriveState.REDRIVE_STATE_ALREADY, 0) + " were before, "
                    + states.getOrDefault(RedriveState.REDRIVE_STATE_GONE, 0) + " trimmed from " + topic + ", "
                    + states.getOrDefault(RedriveState.REDRIVE_STATE_UNKNOWN, 0) + " unknown to the group, "
                    + failed + " failed");
            return failed == 0 ? 0 : 1;
        }
    }

    @Command(mixinStandardHelpOptions = true, description = "Deletes all dead letters there are now. No way back.")
    int purge(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String group,
            @Option(names = "--plan", description = "Only say how many that would be.") boolean plan) {
        try (HoldfastClient client = connect.connect()) {
            long count = client.deadLetters(topic, group).purge(plan);
            System.out.println((plan ? "would delete " : "deleted ") + count + " dead letters");
        }
        return 0;
    }
}
