package io.holdfast.cli.queue;

import io.holdfast.cli.ConnectOptions;
import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.ExplainRecordResponse;
import io.holdfast.v1.Group;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** Says where a record is. */
@Command(
        name = "explain",
        mixinStandardHelpOptions = true,
        description =
                "Says where a record is for a queue group, who holds it, why it is not delivered, and what comes next.")
public final class ExplainCommand implements Callable<Integer> {
    private static final Pattern PLACE = Pattern.compile("(.+)/(\\d+)@(\\d+)");

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Parameters(paramLabel = "TOPIC/PARTITION@OFFSET")
    String place = "";

    @Option(
            names = {"-g", "--group"},
            description = "Default: all groups of the topic.")
    @Nullable
    String group;

    @Override
    public Integer call() {
        Matcher parts = PLACE.matcher(place);
        if (!parts.matches()) {
            throw new ParameterException(spec.commandLine(), "'" + place + "' is not TOPIC/PARTITION@OFFSET");
        }
        String topic = parts.group(1);
        try (HoldfastClient client = connect.connect()) {
            if (group != null) {
                print(client, topic, parts, group);
            } else {
                for (Group one : client.queues().list(topic)) {
                    print(client, topic, parts, one.getName());
                }
            }
        }
        return 0;
    }

    private static void print(HoldfastClient client, String topic, Matcher parts, String name) {
        ExplainRecordResponse answer =
                client.queues().explain(topic, Integer.parseInt(parts.group(2)), Long.parseLong(parts.group(3)), name);
        System.out.println("group " + name + ": "
                + answer.getPhase()
                        .name()
                        .substring("RECORD_PHASE_".length())
                        .replace('_', ' ')
                        .toLowerCase(Locale.ROOT)
                + (answer.getDeliveryCount() == 0
                        ? ""
                        : ", delivered " + answer.getDeliveryCount() + " times, failed " + answer.getFailureCount()));
        answer.getExplanationList().forEach(line -> System.out.println("  " + line));
    }
}
