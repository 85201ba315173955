package io.holdfast.chaos.command;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.holdfast.chaos.NodeArchive;
import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.arena.ContainerArena;
import io.holdfast.chaos.arena.ProcessArena;
import io.holdfast.chaos.report.Report;
import io.holdfast.chaos.scenario.Outcome;
import io.holdfast.chaos.scenario.Runner;
import io.holdfast.chaos.scenario.Scenario;
import io.holdfast.chaos.scenario.Scenarios;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The process in which one scenario runs. Arguments: name, folder, seed, milliseconds, image of the nodes or "" for
 * processes, and further options for the nodes' JVMs. Leaves {@code outcome.json} and {@code report.html} in the folder.
 */
final class OneScenario {
    static final int EXIT_LEFT_OUT = 4;

    /** Nodes live for seconds, in which the optimizing compiler takes more from the processors than it gives back. */
    static final List<String> JVM_OPTIONS = List.of("-XX:TieredStopAtLevel=1");

    private static final int FIXED_ARGUMENTS = 5;

    private OneScenario() {}

    public static void main(String[] args) throws IOException {
        Scenario scenario = Scenarios.find(args[0]).orElseThrow();
        Path folder = Path.of(args[1]);
        List<String> jvm = new ArrayList<>(JVM_OPTIONS);
        jvm.addAll(Arrays.asList(args).subList(FIXED_ARGUMENTS, args.length));
        Runner runner = new Runner(
                (where, what) -> layOut(where, what, args[4], jvm),
                Long.parseLong(args[2]),
                Duration.ofMillis(Long.parseLong(args[3])));
        try {
            Outcome outcome = runner.run(scenario, folder);
            Report.write(outcome);
            new ObjectMapper().writeValue(folder.resolve("outcome.json").toFile(), summary(outcome));
            System.exit(outcome.isPassed() ? 0 : 1);
        } catch (UnsupportedOperationException e) {
            Files.createDirectories(folder);
            Files.writeString(folder.resolve("left-out"), "here one cannot " + e.getMessage());
            System.exit(EXIT_LEFT_OUT);
        }
    }

    private static Arena layOut(Path folder, Scenario scenario, String image, List<String> jvm) throws IOException {
        if (!image.isEmpty()) {
            return ContainerArena.layOut(folder, scenario.nodes(), scenario.yaml(), image);
        }
        return ProcessArena.layOut(
                folder, scenario.nodes(), scenario.yaml(), jvm, NodeArchive.jars(), scenario.smallDiskMebibytes());
    }

    private static Map<String, Object> summary(Outcome outcome) {
        Map<String, Object> summary = new LinkedHashMap<>();
        summary.put("scenario", outcome.scenario().name());
        summary.put("seed", outcome.seed());
        summary.put("arena", outcome.arena());
        summary.put("passed", outcome.isPassed());
        summary.put("seconds", outcome.seconds());
        summary.put("ok", outcome.okCount());
        summary.put("faults", outcome.faults().size());
        summary.put("longestGapSeconds", outcome.longestGapSeconds());
        summary.put("problems", outcome.problems());
        List<String> anomalies = new ArrayList<>();
        outcome.verdicts()
                .forEach((history, verdicts) -> verdicts.forEach(
                        verdict -> verdict.examples().forEach(example -> anomalies.add(history + ": " + example))));
        summary.put("anomalies", anomalies);
        return summary;
    }
}
