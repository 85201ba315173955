package io.holdfast.chaos.scenario;

import io.holdfast.chaos.arena.Ability;
import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.check.Checkers;
import io.holdfast.chaos.check.Verdict;
import io.holdfast.chaos.workload.ListWorkload;
import io.holdfast.chaos.workload.LogWorkload;
import io.holdfast.chaos.workload.QueueWorkload;
import io.holdfast.chaos.workload.RegisterWorkload;
import io.holdfast.chaos.workload.ScheduleWorkload;
import io.holdfast.chaos.workload.StreamWorkload;
import io.holdfast.chaos.workload.TableWorkload;
import io.holdfast.chaos.workload.Workload;
import io.holdfast.chaos.workload.Workload.Sample;
import io.holdfast.client.HoldfastClient;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;

/** Runs a scenario from an empty folder to a verdict. */
public final class Runner {
    private static final Duration START_PATIENCE = Duration.ofSeconds(120);
    private static final int OPERATIONS_BEFORE = 20;
    private static final int OPERATIONS_MIN = 30;

    private final Layout layout;
    private final long seed;
    private final Duration length;

    /** Makes the place for a run. */
    @FunctionalInterface
    public interface Layout {
        Arena layOut(Path folder, Scenario scenario) throws IOException;
    }

    public Runner(Layout layout, long seed, Duration length) {
        this.layout = layout;
        this.seed = seed;
        this.length = length;
    }

    /**
     * Runs a scenario and checks what came of it.
     *
     * @param folder for data, logs and histories; made, and left
     * @throws UnsupportedOperationException if the arena cannot do what the scenario needs
     */
    public Outcome run(Scenario scenario, Path folder) throws IOException {
        Files.createDirectories(folder);
        try (Arena arena = layout.layOut(folder.resolve("nodes"), scenario)) {
            Set<Ability> missing = new TreeSet<>(scenario.needs());
            missing.removeAll(arena.abilities());
            if (!missing.isEmpty()) {
                throw new UnsupportedOperationException(
                        String.join(", ", missing.stream().map(Ability::words).toList()));
            }
            for (int node : arena.nodes()) {
                arena.start(node);
            }
            for (int node : arena.nodes()) {
                arena.awaitReady(node, START_PATIENCE);
            }
            return work(scenario, folder, arena);
        }
    }

    private Outcome work(Scenario scenario, Path folder, Arena arena) throws IOException {
        long began = System.nanoTime();
        boolean clocksAreRight = !scenario.needs().contains(Ability.CLOCK);
        List<Workload> workloads = List.of(
                new LogWorkload(arena, folder, began, seed),
                new QueueWorkload(arena, folder, began, seed),
                new StreamWorkload(arena, folder, began, seed),
                new ScheduleWorkload(arena, folder, began, seed, clocksAreRight),
                new ListWorkload(arena, folder, began, seed),
                new TableWorkload(arena, folder, began, seed, clocksAreRight),
                new RegisterWorkload(arena, folder, began, seed));
        List<String> problems = new ArrayList<>();
        List<Run.Fault> faults = List.of();
        try (HoldfastClient client = HoldfastClient.connect(
                arena.nodes().stream().map(arena::address).toList())) {
            atOnce(workloads, Workload::prepare);
            workloads.forEach(Workload::start);
            Run run = new Run(arena, client, workloads, seed, began, length);
            try {
                run.awaitProgress(OPERATIONS_BEFORE);
                run.begin();
                scenario.faults().inject(run);
                problems.addAll(died(run));
                run.mend();
                run.awaitProgress(OPERATIONS_BEFORE);
                atOnce(workloads, Workload::stop);
                run.awaitAllCaughtUp();
                atOnce(workloads, Workload::readAll);
                problems.addAll(died(run));
            } catch (Exception e) {
                problems.add(e.toString());
                problems.addAll(died(run));
            }
            faults = run.faults();
        } finally {
            for (Workload workload : workloads) {
                workload.close();
            }
        }
        if (!scenario.needs().isEmpty() && faults.isEmpty()) {
            problems.add("void: no fault was injected");
        }
        double seconds = (System.nanoTime() - began) / 1e9;
        Map<String, List<Verdict>> verdicts = new LinkedHashMap<>();
        Map<String, List<Sample>> samples = new LinkedHashMap<>();
        for (Workload workload : workloads) {
            verdicts.put(workload.name(), Checkers.check(workload.history().file()));
            samples.put(workload.name(), workload.samples());
            if (workload.okCount() < OPERATIONS_MIN) {
                problems.add("void: only " + workload.okCount() + " operations of " + workload.name() + " succeeded");
            }
        }
        return new Outcome(
                scenario,
                seed,
                arena.kind(),
                folder,
                seconds,
                problems,
                verdicts,
                samples,
                faults,
                arena.nodes(),
                began);
    }

    /** Has each workload take a step, on a thread of its own, and waits for all of them. */
    private static void atOnce(List<Workload> workloads, Consumer<Workload> step) {
        CompletableFuture.allOf(workloads.stream()
                        .map(workload -> CompletableFuture.runAsync(
                                () -> step.accept(workload), task -> new Thread(task, workload.name()).start()))
                        .toArray(CompletableFuture[]::new))
                .join();
    }

    private static List<String> died(Run run) {
        return run.diedByThemselves().stream()
                .map(node -> "node " + node + " has ended by itself")
                .toList();
    }
}
