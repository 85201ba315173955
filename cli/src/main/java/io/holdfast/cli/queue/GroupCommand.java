package io.holdfast.cli.queue;

import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.Positions;
import io.holdfast.cli.Table;
import io.holdfast.cli.TimeSpans;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.v1.DescribeGroupResponse;
import io.holdfast.v1.Group;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.SoughtPartition;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** Queue groups. */
@Command(
        name = "group",
        mixinStandardHelpOptions = true,
        description = "Creates, lists, describes, changes, seeks and deletes queue groups.")
public final class GroupCommand implements Runnable {
    @CommandLine.Spec
    CommandLine.Model.CommandSpec spec = CommandLine.Model.CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(mixinStandardHelpOptions = true, description = "Creates a group of a topic.")
    int create(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP", description = "1 to 100 of a-z A-Z 0-9 . _ -") String name,
            @Mixin GroupOptions options) {
        try (HoldfastClient client = connect.connect()) {
            print(client.queues().create(topic, name, options.applyTo(QueueConfig.getDefaultInstance())));
        }
        return 0;
    }

    @Command(mixinStandardHelpOptions = true, description = "Changes a group; what is not given stays as it is.")
    int update(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String name,
            @Mixin GroupOptions options) {
        try (HoldfastClient client = connect.connect()) {
            QueueConfig before = client.queues().get(topic, name).getConfig();
            print(client.queues().update(topic, name, options.applyTo(before)));
        }
        return 0;
    }

    @Command(mixinStandardHelpOptions = true, description = "Hands out nothing until it is resumed.")
    int pause(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String name) {
        return setPaused(connect, topic, name, true);
    }

    @Command(mixinStandardHelpOptions = true, description = "The opposite of pause.")
    int resume(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String name) {
        return setPaused(connect, topic, name, false);
    }

    private static int setPaused(ConnectOptions connect, String topic, String name, boolean paused) {
        try (HoldfastClient client = connect.connect()) {
            QueueConfig before = client.queues().get(topic, name).getConfig();
            print(client.queues()
                    .update(topic, name, before.toBuilder().setPaused(paused).build()));
        }
        return 0;
    }

    private static String order(QueueConfig config) {
        return config.getOrder().name().substring("QUEUE_ORDER_".length()).toLowerCase(Locale.ROOT);
    }

    private static void print(Group group) {
        QueueConfig config = group.getConfig();
        System.out.println("group " + group.getName() + " of " + group.getTopic() + ": "
                + order(config)
                + switch (config.getPriority()) {
                    case QUEUE_PRIORITY_STRICT -> ", the highest priority first";
                    case QUEUE_PRIORITY_WEIGHTED -> ", weighted by priority";
                    default -> "";
                }
                + ", lease "
                + TimeSpans.text(config.getLease()) + ", dead after " + config.getFailuresMax() + " failures"
                + (config.getDiscardDead() ? ", then discarded" : "") + ", retry after "
                + TimeSpans.text(config.getRetryDelay()) + " to " + TimeSpans.text(config.getRetryDelayMax())
                + (config.getPaused() ? ", PAUSED" : ""));
    }

    @Command(mixinStandardHelpOptions = true, description = "Lists groups.")
    int list(
            @Mixin ConnectOptions connect,
            @Parameters(
                            paramLabel = "TOPIC",
                            arity = "0..1",
                            defaultValue = "",
                            description = "Only groups of this topic.")
                    String topic) {
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table("TOPIC", "GROUP", "ORDER", "LEASE", "FAILURES", "PAUSED");
            for (Group group : client.queues().list(topic)) {
                QueueConfig config = group.getConfig();
                table.row(
                        group.getTopic(),
                        group.getName(),
                        order(config),
                        TimeSpans.text(config.getLease()),
                        config.getFailuresMax(),
                        config.getPaused() ? "yes" : "");
            }
            table.print();
        }
        return 0;
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Shows where a group stands: what is ready, leased, waiting, dead, and who holds what.")
    int describe(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String name) {
        try (HoldfastClient client = connect.connect()) {
            DescribeGroupResponse answer = client.queues().describe(topic, name);
            print(answer.getGroup());
            Table table = new Table(
                    "PARTITION",
                    "FLOOR",
                    "NEXT",
                    "END",
                    "READY",
                    "LEASED",
                    "WAITING",
                    "PARKED",
                    "DEAD",
                    "OLDEST",
                    "DRAIN");
            Table members = new Table("MEMBER", "PARTITION", "LEASES");
            int failed = 0;
            for (QueuePartition partition : answer.getPartitionsList()) {
                if (partition.hasError()) {
                    failed++;
                    System.err.println("partition " + partition.getPartition() + ": "
                            + partition.getError().getMessage());
                    continue;
                }
                table.row(
                        partition.getPartition(),
                        partition.getFloor(),
                        partition.getNext(),
                        partition.getEnd(),
                        partition.getReady(),
                        partition.getLeased(),
                        partition.getWaiting(),
                        partition.getParked(),
                        partition.getDead()
                                + (partition.getDeadPending() == 0
                                        ? ""
                                        : " (" + partition.getDeadPending() + " on their way)"),
                        partition.hasOldestAge() ? TimeSpans.text(partition.getOldestAge()) : "",
                        partition.hasDrain() ? TimeSpans.text(partition.getDrain()) : "never");
                partition
                        .getMembersList()
                        .forEach(member ->
                                members.row(member.getMember(), partition.getPartition(), member.getLeases()));
            }
            table.print();
            if (answer.getPartitionsList().stream().anyMatch(p -> p.getMembersCount() > 0)) {
                members.print();
            }
            return failed == 0 ? 0 : 1;
        }
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Starts partitions of a group anew at a position. Leases end; members go on from there.")
    int seek(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String name,
            @Option(
                            names = "--to",
                            required = true,
                            converter = Positions.class,
                            paramLabel = "POSITION",
                            description = Positions.FORMS)
                    Position to,
            @Option(
                            names = {"-p", "--partition"},
                            split = ",",
                            description = "Only these. Default: all.")
                    @Nullable
                    List<Integer> partitions,
            @Option(names = "--plan", description = "Only say where that would be.") boolean plan) {
        try (HoldfastClient client = connect.connect()) {
            Table table = new Table("PARTITION", "FROM", "TO");
            int failed = 0;
            for (SoughtPartition sought :
                    client.queues().seek(topic, name, partitions == null ? List.of() : partitions, to, plan)) {
                if (sought.hasError()) {
                    failed++;
                    System.err.println("partition " + sought.getPartition() + ": "
                            + sought.getError().getMessage());
                } else {
                    table.row(sought.getPartition(), sought.getFrom(), sought.getTo());
                }
            }
            table.print();
            return failed == 0 ? 0 : 1;
        }
    }

    @Command(
            mixinStandardHelpOptions = true,
            description = "Forgets a group and where it stands. Its dead-letter topic stays.")
    int delete(
            @Mixin ConnectOptions connect,
            @Parameters(paramLabel = "TOPIC") String topic,
            @Parameters(paramLabel = "GROUP") String name) {
        try (HoldfastClient client = connect.connect()) {
            client.queues().delete(topic, name);
            System.out.println("deleted group " + name + " of " + topic);
        }
        return 0;
    }
}
