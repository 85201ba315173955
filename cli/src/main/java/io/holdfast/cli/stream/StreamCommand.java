package io.holdfast.cli.stream;

import com.google.protobuf.util.Durations;
import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.Positions;
import io.holdfast.cli.Table;
import io.holdfast.cli.TimeSpans;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.v1.DescribeStreamGroupResponse;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.SoughtOffset;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamMember;
import io.holdfast.v1.StreamPartition;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** Stream groups. */
@Command(
        name = "stream",
        mixinStandardHelpOptions = true,
        description = "Creates, lists, describes, seeks and deletes stream groups: members that own partitions.")
public final class StreamCommand implements Runnable {
    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Creates a group. Joining does that, too; this is for settings of its own.")
    int create(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "GROUP", description = "1 to 100 of a-z A-Z 0-9 . _ -") String name,
            @Option(
                            names = "--start",
                            converter = Positions.class,
                            paramLabel = "POSITION",
                            description = "Where partitions begin that exist by now: earliest, latest or a time."
                                    + " Default: earliest.")
                    @Nullable
                    Position start,
            @Option(
                            names = "--session-timeout",
                            converter = TimeSpans.class,
                            paramLabel = "TIME",
                            description = "A member not heard of for so long loses its partitions. Default: 10s.")
                    @Nullable
                    Duration session,
            @Option(
                            names = "--rebalance-timeout",
                            converter = TimeSpans.class,
                            paramLabel = "TIME",
                            description = "A member that keeps a partition for so long after it should let go of it"
                                    + " loses them all. Default: 1m.")
                    @Nullable
                    Duration rebalance) {
        StreamConfig.Builder config = StreamConfig.newBuilder();
        if (start != null) {
            config.setStart(start.start());
        }
        if (session != null) {
            config.setSessionTimeout(Durations.fromMillis(session.toMillis()));
        }
        if (rebalance != null) {
            config.setRebalanceTimeout(Durations.fromMillis(rebalance.toMillis()));
        }
        try (HoldfastClient client = connect.connect()) {
            print(client.streamGroups().create(name, config.build()));
        }
        return 0;
    }

    private static void print(StreamGroup group) {
        StreamConfig config = group.getConfig();
        System.out.println("stream group " + group.getName() + ": starts at "
                + config.getStart().getAtCase().name().toLowerCase(Locale.ROOT) + ", session timeout "
                + TimeSpans.text(config.getSessionTimeout()) + ", rebalance timeout "
                + TimeSpans.text(config.getRebalanceTimeout()));
    }

    @Command(mixinStandardHelpOptions = true, description = "Lists all groups.")
    int list(@Mixin ConnectOptions connect) {
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table("GROUP", "MEMBERS", "TOPICS");
            for (StreamGroup group : client.streamGroups().list()) {
                table.row(group.getName(), group.getMembers(), String.join(" ", group.getTopicsList()));
            }
            table.print();
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Shows who owns what, what is committed, and how far behind that is: in records, in time since the first",
                "of them was appended, and until there would be none left at the rates of the last minute."
            })
    int describe(@Mixin ConnectOptions connect, @Parameters(paramLabel = "GROUP") String name) {
        try (HoldfastClient client = connect.connect()) {
            DescribeStreamGroupResponse answer = client.streamGroups().describe(name);
            print(answer.getGroup());
            Table table = new Table(
                    "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "BEHIND", "IN/S", "OUT/S", "DRAINED IN", "OWNER");
            int failed = 0;
            for (StreamPartition partition : answer.getPartitionsList()) {
                if (partition.hasError()) {
                    failed++;
                    System.err.println(partition.getPartition().getTopic() + "/"
                            + partition.getPartition().getPartition() + ": "
                            + partition.getError().getMessage());
                    continue;
                }
                table.row(
                        partition.getPartition().getTopic(),
                        partition.getPartition().getPartition(),
                        partition.hasCommitted() ? partition.getCommitted() : "-",
                        partition.getEnd(),
                        partition.getLag(),
                        partition.hasLagTime() ? TimeSpans.text(partition.getLagTime()) : "0s",
                        String.format(Locale.ROOT, "%.1f", partition.getProducedPerSecond()),
                        String.format(Locale.ROOT, "%.1f", partition.getConsumedPerSecond()),
                        partition.hasDrain() ? TimeSpans.text(partition.getDrain()) : "never",
                        owner(partition));
            }
            table.print();
            if (answer.getMembersCount() > 0) {
                print(answer.getMembersList());
            }
            return failed == 0 ? 0 : 1;
        }
    }

    private static String owner(StreamPartition partition) {
        String owner = partition.getMemberId().isEmpty() ? "-" : partition.getMemberId();
        return partition.getNextMemberId().isEmpty() ? owner : owner + " -> " + partition.getNextMemberId();
    }

    private static void print(List<StreamMember> members) {
        Table table = new Table("MEMBER", "INSTANCE", "RACK", "PARTITIONS", "SUBSCRIBES TO");
        for (StreamMember member : members) {
            table.row(
                    member.getMemberId() + (member.getAway() ? " (away)" : ""),
                    member.getInstanceId(),
                    member.getRack(),
                    member.getOwned(),
                    String.join(" ", member.getTopicsList()));
        }
        table.print();
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = {
                "Sets committed offsets. Members, if there are any, go on from there.",
                "",
                "From a file: lines of TOPIC PARTITION OFFSET."
            })
    int seek(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "GROUP") String name,
            @Option(names = "--topic", description = "Of this topic. With --to.") @Nullable String topic,
            @Option(
                            names = {"-p", "--partition"},
                            split = ",",
                            description = "Only these. Default: all.")
                    @Nullable
                    List<Integer> partitions,
            @Option(names = "--to", converter = Positions.class, paramLabel = "POSITION", description = Positions.FORMS)
                    @Nullable
                    Position to,
            @Option(names = "--file", description = "Offsets to seek to, instead of --topic and --to.") @Nullable
                    Path file,
            @Option(names = "--plan", description = "Only say where that would be.") boolean plan)
            throws IOException {
        List<SeekTarget> targets = new ArrayList<>();
        if (file != null && topic == null && to == null) {
            targets.addAll(SeekFile.read(file));
        } else if (file == null && topic != null && to != null) {
            SeekTarget.Builder target = SeekTarget.newBuilder().setTopic(topic).setTo(to.start());
            if (partitions == null) {
                targets.add(target.build());
            } else {
                partitions.forEach(
                        partition -> targets.add(target.setPartition(partition).build()));
            }
        } else {
            throw new ParameterException(spec.commandLine(), "give --topic and --to, or --file");
        }
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table("TOPIC", "PARTITION", "FROM", "TO");
            for (SoughtOffset sought : client.streamGroups().seek(name, targets, plan)) {
                table.row(
                        sought.getPartition().getTopic(),
                        sought.getPartition().getPartition(),
                        sought.hasFrom() ? sought.getFrom() : "-",
                        sought.getTo());
            }
            table.print();
        }
        return 0;
    }

    @Command(mixinStandardHelpOptions = true, description = "Forgets a group that has no members, and its offsets.")
    int delete(@Mixin ConnectOptions connect, @Parameters(paramLabel = "GROUP") String name) {
        try (HoldfastClient client = connect.connect()) {
            client.streamGroups().delete(name);
            System.out.println("deleted stream group " + name);
        }
        return 0;
    }
}
