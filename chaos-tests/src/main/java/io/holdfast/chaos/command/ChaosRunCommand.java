package io.holdfast.chaos.command;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.holdfast.chaos.NodeArchive;
import io.holdfast.chaos.arena.ContainerArena;
import io.holdfast.chaos.arena.Sandbox;
import io.holdfast.chaos.scenario.Scenario;
import io.holdfast.chaos.scenario.Scenarios;
import io.holdfast.cli.local.LocalCluster;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** Runs scenarios one after the other, each in a process, and if possible a sandbox, of its own. */
@Command(
        name = "run",
        mixinStandardHelpOptions = true,
        description = {
            "Runs scenarios, each on a new cluster, and writes a report of each.",
            "Exit code 0 if all passed, 1 if one failed or was void."
        })
final class ChaosRunCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double MILLIS_PER_MINUTE = 60_000;

    @Spec
    CommandSpec spec = CommandSpec.create();

    @Option(
            names = "--scenario",
            split = ",",
            paramLabel = "NAME",
            description = "which, separated by commas; all if not given (holdfast chaos list)")
    List<String> names = List.of();

    @Option(names = "--smoke", description = "what every build runs")
    boolean smoke;

    @Option(
            names = "--minutes",
            paramLabel = "N",
            description = "how long faults go on in each; the end takes about half a minute more (default: 0.5)")
    double minutes = 0.5;

    @Option(
            names = "--seed",
            paramLabel = "X",
            description = "the same seed makes the same schedule; else a random one")
    @Nullable
    Long seed;

    @Option(
            names = "--out",
            paramLabel = "DIR",
            description = "where reports, histories and logs go (default: chaos-runs/ and the time)")
    @Nullable
    Path out;

    @Option(names = "--keep", description = "keep the nodes' data also of runs that pass")
    boolean keep;

    /** Where the nodes run. */
    enum Where {
        AUTO,
        NAMESPACES,
        CONTAINERS,
        PROCESSES
    }

    @Option(
            names = "--arena",
            paramLabel = "WHERE",
            description = "namespaces: processes in network namespaces of their own. containers: a Docker engine. "
                    + "processes: on loopback. auto: the first of these that can be had (default)")
    Where where = Where.AUTO;

    @Option(
            names = "--image",
            paramLabel = "NAME",
            description = "for containers, built by deploy/build-image.sh (default: ${DEFAULT-VALUE})")
    String image = "holdfast/node:local";

    @Override
    public Integer call() throws IOException {
        List<Scenario> scenarios = scenarios();
        Path folder = out == null
                ? Path.of("chaos-runs", LocalDateTime.now().format(DateTimeFormatter.ofPattern("yyyyMMdd-HHmmss")))
                : out;
        Files.createDirectories(folder);
        List<String> sandbox = where == Where.AUTO || where == Where.NAMESPACES ? Sandbox.command() : List.of();
        String imageUsed = imageUsed(sandbox);
        if (sandbox.isEmpty() && imageUsed.isEmpty() && where != Where.PROCESSES) {
            if (where != Where.AUTO) {
                throw new IOException("here one cannot have " + where.name().toLowerCase(Locale.ROOT)
                        + (where == Where.CONTAINERS ? " of " + image + ": build it with deploy/build-image.sh" : ""));
            }
            System.out.println("neither namespaces nor containers here: plain processes; what needs more is left out");
        }
        List<String> archive = NodeArchive.options(OneScenario.JVM_OPTIONS);
        System.out.printf(
                "%-20s %-8s %8s %7s %8s %9s  %s%n", "scenario", "", "seconds", "faults", "ok", "gap", "report");
        boolean allPassed = true;
        for (Scenario scenario : scenarios) {
            Path own = folder.toAbsolutePath().resolve(scenario.name());
            if (Files.exists(own)) {
                throw new IOException(own + " is there already: give another --out");
            }
            int exit = Sandbox.run(sandbox, child(scenario, own, imageUsed, archive));
            allPassed &= show(scenario, own, exit);
        }
        return allPassed ? 0 : 1;
    }

    /** Empty for none. */
    private String imageUsed(List<String> sandbox) {
        boolean wanted = where == Where.CONTAINERS || where == Where.AUTO && sandbox.isEmpty();
        return wanted && ContainerArena.isPossible(image) ? image : "";
    }

    private List<Scenario> scenarios() {
        if (names.isEmpty()) {
            return Scenarios.all().stream()
                    .filter(scenario -> !smoke || scenario.isSmoke())
                    .toList();
        }
        List<Scenario> chosen = new ArrayList<>();
        for (String name : names) {
            chosen.add(Scenarios.find(name)
                    .orElseThrow(() -> new ParameterException(
                            spec.commandLine(),
                            "there is no scenario '" + name + "'; holdfast chaos list names them")));
        }
        return chosen;
    }

    private List<String> child(Scenario scenario, Path own, String imageUsed, List<String> archive) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
                .filter(argument -> !argument.startsWith("-agentlib") && !argument.startsWith("-javaagent"))
                .forEach(command::add);
        command.addAll(OneScenario.JVM_OPTIONS);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), OneScenario.class.getName()));
        command.addAll(List.of(
                scenario.name(),
                own.toString(),
                Long.toString(seed == null ? ThreadLocalRandom.current().nextLong(1 << 30) : seed),
                Long.toString((long) (minutes * MILLIS_PER_MINUTE)),
                imageUsed));
        command.addAll(archive);
        return command;
    }

    /** Prints a line about a run; returns whether it counts as passed. */
    private boolean show(Scenario scenario, Path own, int exit) throws IOException {
        if (exit == OneScenario.EXIT_LEFT_OUT) {
            System.out.printf(
                    "%-20s %-8s %s%n", scenario.name(), "left out", Files.readString(own.resolve("left-out")));
            return true;
        }
        Path file = own.resolve("outcome.json");
        if (!Files.exists(file)) {
            System.out.printf("%-20s %-8s %s%n", scenario.name(), "BROKEN", "exit code " + exit + ", see " + own);
            return false;
        }
        JsonNode outcome = JSON.readTree(file.toFile());
        boolean passed = outcome.get("passed").asBoolean();
        System.out.printf(
                Locale.ROOT,
                "%-20s %-8s %8.0f %7d %8d %7.1f s  %s%n",
                scenario.name(),
                passed ? "passed" : "FAILED",
                outcome.get("seconds").asDouble(),
                outcome.get("faults").asInt(),
                outcome.get("ok").asLong(),
                outcome.get("longestGapSeconds").asDouble(),
                own.resolve("report.html"));
        outcome.get("problems").forEach(problem -> System.out.println("    " + problem.asText()));
        outcome.get("anomalies").forEach(anomaly -> System.out.println("    " + anomaly.asText()));
        if (passed && !keep) {
            deleteData(own.resolve("nodes"));
        }
        return passed;
    }

    /** Logs stay. */
    private static void deleteData(Path nodes) throws IOException {
        try (var all = Files.list(nodes)) {
            for (Path node : all.filter(Files::isDirectory).toList()) {
                LocalCluster.deleteTree(node.resolve("data"));
                LocalCluster.deleteTree(node.resolve("faults.journal"));
            }
        }
    }
}
