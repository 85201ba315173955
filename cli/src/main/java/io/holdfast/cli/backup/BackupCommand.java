package io.holdfast.cli.backup;

import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.Table;
import io.holdfast.cli.backup.Snapshot.TopicPart;
import io.holdfast.client.HoldfastClient;
import io.holdfast.node.config.ConfigException;
import java.io.IOException;
import java.time.Instant;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/** Backups of a cluster. */
@Command(
        name = "backup",
        mixinStandardHelpOptions = true,
        description = {
            "Copies a cluster's records, groups and settings into a folder or a bucket, and back.",
            "Each backup copies only what those before it in the folder do not have."
        })
public final class BackupCommand implements Runnable {
    private static final long FILE_BYTES_MAX = 256L << 20;

    static final class Times implements ITypeConverter<Instant> {
        @Override
        public Instant convert(String text) {
            try {
                return Instant.parse(text.trim());
            } catch (DateTimeParseException e) {
                throw new TypeConversionException("'" + text + "' is not a time such as 2026-01-31T12:00:00Z");
            }
        }
    }

    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Makes a backup of everything, while the cluster works. Run it as often as you like.")
    int create(@Mixin ConnectOptions connect, @Mixin PlaceOptions place) throws IOException {
        try (HoldfastClient client = connect.connect();
                BackupStore store = place.open()) {
            String cluster = client.admin().getRoutes(List.of()).getHeader().getClusterId();
            BackupFolder into = BackupFolder.openFor(store, cluster);
            try (BackupStore.Hold hold = store.hold()) {
                BackupRun run = new BackupRun(client, into, hold, FILE_BYTES_MAX);
                Snapshot made = run.run();
                System.out.println("backup of " + made.time() + ": "
                        + made.topics().size() + " topics, " + records(made)
                        + " records, "
                        + (made.queueGroups().size() + made.streamGroups().size()) + " groups; copied "
                        + run.copiedRecords() + " records, " + run.copiedBytes() + " bytes");
            }
        }
        return 0;
    }

    private static long records(Snapshot snapshot) {
        return snapshot.topics().stream().mapToLong(TopicPart::records).sum();
    }

    @Command(mixinStandardHelpOptions = true, description = "Lists the backups in a folder.")
    int list(@Mixin PlaceOptions place) throws IOException {
        try (BackupStore store = place.open()) {
            list(BackupFolder.open(store));
        }
        return 0;
    }

    private static void list(BackupFolder folder) throws IOException {
        Table table = new Table("TIME", "TOPICS", "RECORDS", "SCHEDULED", "QUEUE GROUPS", "STREAM GROUPS");
        for (Snapshot one : folder.list()) {
            table.row(
                    one.time(),
                    one.topics().size(),
                    records(one),
                    one.scheduled().values().stream()
                            .mapToInt(Snapshot.ScheduledPart::records)
                            .sum(),
                    one.queueGroups().size(),
                    one.streamGroups().size());
        }
        table.print();
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Reads all that the backups in a folder are made of and compares it with its checksums.",
                "Exits with 1 if anything is damaged or missing, and says what."
            })
    int verify(@Mixin PlaceOptions place) throws IOException {
        try (BackupStore store = place.open()) {
            return verify(BackupFolder.open(store));
        }
    }

    private static int verify(BackupFolder backups) throws IOException {
        List<String> bad = new ArrayList<>();
        long records = 0;
        Set<BatchFile> files = new LinkedHashSet<>(); // backups share them
        List<Snapshot> all = backups.list();
        for (Snapshot one : all) {
            for (String topic : one.scheduled().keySet()) {
                try {
                    backups.readScheduled(one, topic);
                } catch (IOException e) {
                    bad.add(one.time() + ": " + e.getMessage());
                }
            }
            for (TopicPart topic : one.topics()) {
                for (int p = 0; p < topic.partitions().size(); p++) {
                    try {
                        files.addAll(BackupReader.files(
                                backups, topic, p, topic.partitions().get(p).start()));
                    } catch (IOException e) {
                        bad.add(one.time() + ": " + e.getMessage());
                    }
                }
            }
        }
        for (BatchFile file : files) {
            try {
                records += file.check();
            } catch (IOException e) {
                bad.add(e.getMessage());
            }
        }
        bad.forEach(System.out::println);
        System.out.println(all.size() + " backups, " + records + " records read, " + bad.size() + " damaged places");
        return bad.isEmpty() ? 0 : 1;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Puts a backup into a cluster that has none of its topics: settings, records with their offsets and times,",
                "groups where they stood, and records that waited for their time. Records that a queue group had settled out",
                "of order come again. A restore that was interrupted goes on with --resume."
            })
    int restore(
            @Mixin ConnectOptions connect,
            @Mixin PlaceOptions place,
            @Option(
                            names = "--at",
                            converter = Times.class,
                            paramLabel = "TIME",
                            description =
                                    "As it was then, such as 2026-01-31T12:00:00Z: records up to then, groups where they stood in the "
                                            + "backup before. Default: as in the last backup.")
                    @Nullable
                    Instant at,
            @Option(
                            names = {"-t", "--topic"},
                            paramLabel = "TOPIC[=NAME]",
                            description =
                                    "Only this topic and its queue groups, maybe under another name; may be repeated. Default: all.")
                    @Nullable
                    List<String> only,
            @Option(
                            names = {"-r", "--replicas"},
                            description = "Copies of each partition. Default: as many as there were.")
                    @Nullable
                    Integer replicas,
            @Option(names = "--resume", description = "Go on with what is there already.") boolean resume,
            @Option(names = "--plan", description = "Only say what would be restored.") boolean plan)
            throws IOException {
        try (HoldfastClient client = connect.connect();
                BackupStore store = place.open()) {
            BackupFolder backups = BackupFolder.open(store);
            List<Snapshot> all = backups.list();
            if (all.isEmpty()) {
                throw new ConfigException(store + " has no backups in it");
            }
            RestoreChoice whole = RestoreChoice.choose(all, at, only == null);
            RestoreChoice choice = whole.of(names(whole.records(), only), replicas);
            RestoreRun run = new RestoreRun(client, backups, choice);
            List<String> inTheWay = run.inTheWay();
            if (!inTheWay.isEmpty() && !resume) {
                throw new ConfigException("there already: " + String.join(", ", inTheWay)
                        + ". Delete them, restore under another name with --topic TOPIC=NAME, or go on with --resume");
            }
            String what = choice.parts().size() + " topics of the backup of "
                    + choice.records().time();
            if (plan) {
                for (TopicPart topic : choice.parts()) {
                    System.out.println("topic " + choice.topics().get(topic.name()) + ", "
                            + topic.partitions().size() + " partitions, "
                            + (at == null ? "" : "at most ") + topic.records() + " records");
                }
                System.out.println("would restore " + what);
            } else {
                run.run();
                System.out.println("restored " + run.restoredRecords() + " records, " + what);
            }
        }
        return 0;
    }

    private static Map<String, String> names(Snapshot snapshot, @Nullable List<String> only) {
        Map<String, String> names = new LinkedHashMap<>();
        List<String> known = snapshot.topics().stream().map(TopicPart::name).collect(Collectors.toList());
        for (String one : only == null ? known : only) {
            int equals = one.indexOf('=');
            String name = equals < 0 ? one : one.substring(0, equals);
            if (!known.contains(name)) {
                throw new ConfigException("there is no topic '" + name + "' in the backup of " + snapshot.time()
                        + ", but " + String.join(", ", known));
            }
            names.put(name, equals < 0 ? one : one.substring(equals + 1));
        }
        return names;
    }
}
