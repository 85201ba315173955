package io.holdfast.chaos.scenario;

import io.holdfast.chaos.arena.Ability;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Faults in some order, with the workloads on. Afterwards everything is mended and everything read.
 *
 * @param name short, in the imperative where it can be
 * @param about one sentence: what is done, and what it would show
 * @param needs what the arena must be able to do
 * @param isSmoke whether it belongs to the few that every build runs
 * @param nodes how many nodes there are at the beginning
 * @param smallDiskMebibytes size of a disk of its own for each node, 0 for a folder
 * @param yaml further lines for the nodes' configuration
 */
public record Scenario(
        String name,
        String about,
        Set<Ability> needs,
        boolean isSmoke,
        int nodes,
        int smallDiskMebibytes,
        List<String> yaml,
        Faults faults) {
    /** Few entries between checkpoints, so that checkpoints, purges, rewrites and copies happen all the time. */
    static final List<String> SMALL_LOGS = List.of(
            "raft:",
            "  checkpoint-entries: 200",
            "  log-segment-size: 16KiB",
            "  log-entries-kept: 50",
            "storage:",
            "  segment-size: 64KiB",
            "  compaction-lag: 3s");

    private static final int NODES = 3;

    /** What a scenario does, until {@link Run#goesOn} says that time is up. */
    @FunctionalInterface
    public interface Faults {
        void inject(Run run) throws Exception;
    }

    static Scenario of(String name, String about, Faults faults, Ability... needs) {
        return new Scenario(name, about, Set.of(needs), false, NODES, 0, SMALL_LOGS, faults);
    }

    Scenario smoke() {
        return new Scenario(name, about, needs, true, nodes, smallDiskMebibytes, yaml, faults);
    }

    /** @param storage a further line for the storage section of the nodes' configuration */
    Scenario withSmallDisks(int mebibytes, String storage) {
        List<String> more = new ArrayList<>(yaml);
        more.add(storage); // the section is the last one
        return new Scenario(name, about, needs, isSmoke, nodes, mebibytes, List.copyOf(more), faults);
    }
}
