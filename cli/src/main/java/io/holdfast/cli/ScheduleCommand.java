package io.holdfast.cli;

import io.holdfast.client.HoldfastClient;
import io.holdfast.v1.CancelScheduledResult;
import io.holdfast.v1.ListScheduledResponse;
import io.holdfast.v1.ScheduledRecord;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Records whose time has not come. */
@Command(
        name = "schedule",
        mixinStandardHelpOptions = true,
        description = "Lists and cancels records that were produced with --delay or --deliver-at.")
final class ScheduleCommand implements Runnable {
    private static final int PAGE = 500;

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(mixinStandardHelpOptions = true, description = "Lists the next records to come, by time.")
    int list(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Option(
                            names = {"-n", "--count"},
                            defaultValue = "20",
                            description = "Stop after so many. Default: ${DEFAULT-VALUE}.")
                    int count) {
        try (HoldfastClient client = connect.connect()) {
            List<ScheduledRecord> records = new ArrayList<>();
            ListScheduledResponse page;
            String after = "";
            do {
                page = client.schedules().list(topic, after, Math.min(PAGE, Math.max(1, count - records.size())));
                records.addAll(page.getRecordsList());
                after = records.isEmpty() ? "" : records.get(records.size() - 1).getScheduleId();
            } while (page.getMore() && records.size() < count);
            Table table = new Table("ID", "DELIVER AT", "KEY", "VALUE");
            for (ScheduledRecord record : records) {
                table.row(
                        record.getScheduleId(),
                        Instant.ofEpochSecond(
                                record.getDeliverAt().getSeconds(),
                                record.getDeliverAt().getNanos()),
                        record.getRecord().hasKey()
                                ? RecordText.brief(record.getRecord().getKey())
                                : "-",
                        record.getRecord().hasValue()
                                ? RecordText.brief(record.getRecord().getValue())
                                : "-");
            }
            table.print();
            System.out.println(records.size() + " of " + page.getTotalRecords() + " records, " + page.getTotalBytes()
                    + " bytes in all");
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Cancels records: they will not come.",
                "Exit code 1 if one is in the log already, was cancelled before, or never was."
            })
    int cancel(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "ID", arity = "1..*", description = "As schedule list prints it.")
                    List<String> ids) {
        int missed = 0;
        try (HoldfastClient client = connect.connect()) {
            List<CancelScheduledResult> results = client.schedules().cancel(topic, ids);
            for (int i = 0; i < ids.size(); i++) {
                CancelScheduledResult result = results.get(i);
                missed += result.getCancelled() ? 0 : 1;
                System.out.println(ids.get(i) + ": "
                        + (result.hasError()
                                ? result.getError().getMessage()
                                : result.getCancelled() ? "cancelled" : "not there: too late, or cancelled before"));
            }
        }
        return missed == 0 ? 0 : Main.EXIT_FAILED;
    }
}
