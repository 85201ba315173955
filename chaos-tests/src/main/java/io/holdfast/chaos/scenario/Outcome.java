package io.holdfast.chaos.scenario;

import io.holdfast.chaos.check.Verdict;
import io.holdfast.chaos.workload.Workload.Sample;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What became of a run.
 *
 * @param arena kind of arena that it ran in
 * @param problems why it failed or is void besides what the checkers say; empty if all is well
 * @param verdicts by history
 * @param samples acknowledged operations by workload
 * @param beganNanos to which the samples' times relate
 */
public record Outcome(
        Scenario scenario,
        long seed,
        String arena,
        Path folder,
        double seconds,
        List<String> problems,
        Map<String, List<Verdict>> verdicts,
        Map<String, List<Sample>> samples,
        List<Run.Fault> faults,
        List<Integer> nodes,
        long beganNanos) {

    public boolean isPassed() {
        return problems.isEmpty()
                && verdicts.values().stream().flatMap(List::stream).allMatch(Verdict::isValid);
    }

    public long okCount() {
        return verdicts.values().stream()
                .flatMap(List::stream)
                .mapToLong(Verdict::ok)
                .sum();
    }

    /** Longest time in which nothing that a workload asked for was acknowledged, in seconds, over all workloads. */
    public double longestGapSeconds() {
        return samples.values().stream().mapToDouble(Outcome::longestGap).max().orElse(0);
    }

    private static double longestGap(List<Sample> samples) {
        long longest = 0;
        for (int i = 1; i < samples.size(); i++) {
            longest = Math.max(
                    longest, samples.get(i).endedNanos() - samples.get(i - 1).endedNanos());
        }
        return longest / 1e9;
    }
}
