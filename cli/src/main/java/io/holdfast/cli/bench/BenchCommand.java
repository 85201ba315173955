package io.holdfast.cli.bench;

import io.holdfast.bench.ConsumeLoad;
import io.holdfast.bench.EndToEndLoad;
import io.holdfast.bench.HoldfastTarget;
import io.holdfast.bench.LatencyPlot;
import io.holdfast.bench.LeaseLoad;
import io.holdfast.bench.LoadResult;
import io.holdfast.bench.LoadResult.Interval;
import io.holdfast.bench.LoadShape;
import io.holdfast.bench.ProcessCosts;
import io.holdfast.bench.ProduceLoad;
import io.holdfast.bench.QueueTarget;
import io.holdfast.bench.RebalanceLoad;
import io.holdfast.bench.Target;
import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.Progress;
import io.holdfast.client.HoldfastClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Loads on a running cluster. */
@Command(
        name = "bench",
        mixinStandardHelpOptions = true,
        description = {
            "Puts a load on a cluster and says what came of it: throughput, latency, and what it cost.",
            "",
            "How fast one producer is, and how long an acknowledgement takes at a steady rate:",
            "  holdfast bench produce --batch-size 1048576",
            "  holdfast bench e2e --rate 1000 --plot latency.svg"
        })
public final class BenchCommand implements Runnable {
    private static final int EXIT_FAILED = 1;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }

    @Command(
            name = "produce",
            mixinStandardHelpOptions = true,
            description = "One producer, as fast as it goes or --rate.")
    int produce(@Mixin ConnectOptions connect, @Mixin LoadOptions load, @Mixin ReportOptions report) throws Exception {
        return measure(
                connect,
                load,
                report,
                client -> new HoldfastTarget(client, null),
                (shape, target, costs, tick) -> new ProduceLoad(shape).run(target, costs, tick));
    }

    @Command(
            name = "consume",
            mixinStandardHelpOptions = true,
            description = {
                "One consumer reads a topic from its start, as fast as it goes.",
                "",
                "Fill the topic first: holdfast bench produce"
            })
    int consume(
            @Mixin ConnectOptions connect,
            @Mixin LoadOptions load,
            @Mixin ReportOptions report,
            @Option(
                            names = "--node",
                            paramLabel = "HOST:PORT",
                            description = "Read everything from this node, leader or not. Default: from the leaders.")
                    @Nullable
                    String node,
            @Option(names = "--again", description = "From the start once more after the end, until the time is over.")
                    boolean again)
            throws Exception {
        return measure(
                connect,
                load,
                report,
                client -> new HoldfastTarget(client, node),
                (shape, target, costs, tick) -> new ConsumeLoad(shape, again).run(target, costs, tick));
    }

    @Command(
            name = "e2e",
            mixinStandardHelpOptions = true,
            description =
                    "A producer and a consumer in one process: from when a record was due until the consumer had it.")
    int endToEnd(@Mixin ConnectOptions connect, @Mixin LoadOptions load, @Mixin ReportOptions report) throws Exception {
        return measure(
                connect,
                load,
                report,
                client -> new HoldfastTarget(client, null),
                (shape, target, costs, tick) -> new EndToEndLoad(shape).run(target, costs, tick));
    }

    @Command(
            name = "queue",
            mixinStandardHelpOptions = true,
            description = {
                "A producer, and a queue group's member that leases and accepts each record, in one process.",
                "",
                "End to end: from when a record was due until the member had it."
            })
    int queue(
            @Mixin ConnectOptions connect,
            @Mixin LoadOptions load,
            @Mixin ReportOptions report,
            @Option(
                            names = "--prefetch",
                            defaultValue = "1000",
                            description = "Records leased at a time. Default: ${DEFAULT-VALUE}.")
                    int prefetch)
            throws Exception {
        return measure(
                connect,
                load,
                report,
                client -> new QueueTarget(client, prefetch),
                (shape, target, costs, tick) -> new EndToEndLoad(shape).run(target, costs, tick));
    }

    @Command(
            name = "rebalance",
            mixinStandardHelpOptions = true,
            description = {
                "Members of a stream group that come and go: how long until each partition has an owner and shares are equal.",
                "",
                "Makes a topic and a group of its own, and deletes them."
            })
    int rebalance(
            @Mixin ConnectOptions connect,
            @Option(names = "--partitions", defaultValue = "1000", description = "Default: ${DEFAULT-VALUE}.")
                    int partitions,
            @Option(names = "--members", defaultValue = "10", description = "Default: ${DEFAULT-VALUE}.") int members)
            throws Exception {
        String name = "bench-rebalance-" + System.currentTimeMillis();
        try (HoldfastClient client = connect.connect()) {
            client.admin().createTopic(name, partitions, 0);
            new RebalanceLoad(client, name, partitions).run(name, members).forEach(System.out::println);
            client.streamGroups().delete(name);
            client.admin().deleteTopic(name);
        }
        return 0;
    }

    @Command(
            name = "lease",
            mixinStandardHelpOptions = true,
            description = {
                "Leases one record after the other by single calls, at --rate, and accepts it.",
                "",
                "Fill the topic first: holdfast bench produce. \"acknowledged\" is the lease, \"end to end\" both."
            })
    int lease(
            @Mixin ConnectOptions connect,
            @Mixin LoadOptions load,
            @Mixin ReportOptions report,
            @Option(names = "--group", defaultValue = "bench", description = "Default: ${DEFAULT-VALUE}.") String group,
            @Option(
                            names = "--held",
                            defaultValue = "0",
                            description = "Leases taken before and kept throughout. Default: ${DEFAULT-VALUE}.")
                    int held)
            throws Exception {
        LoadShape shape;
        LeaseLoad leases;
        try {
            shape = load.shape();
            leases = new LeaseLoad(shape, group, held);
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
        try (HoldfastClient client = connect.connect()) {
            LoadResult result = leases.run(client, new ProcessCosts(report.serverPids), interval -> {});
            report.write(result);
            return result.failed() == 0 && result.records() > 0 ? 0 : EXIT_FAILED;
        }
    }

    private interface Load {
        LoadResult run(LoadShape shape, Target target, ProcessCosts costs, Consumer<Interval> onInterval)
                throws Exception;
    }

    private int measure(
            ConnectOptions connect,
            LoadOptions options,
            ReportOptions report,
            Function<HoldfastClient, Target> targets,
            Load load)
            throws Exception {
        LoadShape shape;
        try {
            shape = options.shape();
        } catch (IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), e.getMessage(), e);
        }
        Progress progress = new Progress();
        progress.show("warming up for " + shape.warmUp().toSeconds() + " s");
        try (HoldfastClient client = connect.connect();
                Target target = targets.apply(client)) {
            target.createTopic(shape.topic(), shape.partitions(), options.replicas);
            LoadResult result = load.run(
                    shape,
                    target,
                    new ProcessCosts(report.serverPids),
                    interval -> progress.show(String.format(
                            "%3.0f s  %7.1f MB/s  p50 %.2f ms  p99 %.2f ms",
                            interval.atSeconds(), interval.megabytesPerSecond(), interval.p50Ms(), interval.p99Ms())));
            progress.done("");
            report.write(result);
            return result.failed() == 0 && result.records() > 0 ? 0 : EXIT_FAILED;
        }
    }

    /** Where the result goes. */
    static final class ReportOptions {
        @Option(
                names = "--server-pid",
                paramLabel = "PID",
                split = ",",
                description = "Processes of the cluster on this machine: what they spend is measured too.")
        List<Long> serverPids = List.of();

        @Option(
                names = "--json",
                paramLabel = "FILE",
                description = "Write the whole result there; - for standard output.")
        @Nullable
        String json;

        @Option(
                names = "--plot",
                paramLabel = "FILE.svg",
                description = "Draw latency by percentile (with --rate), else throughput by time.")
        @Nullable
        Path plot;

        void write(LoadResult result) throws java.io.IOException {
            boolean toStandardOutput = "-".equals(json);
            result.summary().forEach(toStandardOutput ? System.err::println : System.out::println);
            if (toStandardOutput) {
                System.out.println(result.toJson());
            } else if (json != null) {
                Files.writeString(Path.of(json), result.toJson() + "\n");
            }
            if (plot != null) {
                LatencyPlot.write(result, plot);
            }
        }
    }
}
