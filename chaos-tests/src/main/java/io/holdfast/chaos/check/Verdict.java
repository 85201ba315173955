package io.holdfast.chaos.check;

import java.util.List;
import java.util.Map;

/**
 * What a checker found.
 *
 * @param ok operations that succeeded
 * @param doubtful operations of which nobody knows
 * @param failed operations that certainly did not happen
 * @param anomalies how often each kind was found; empty if all is well
 * @param examples of the anomalies, a sentence each, at most {@link Findings#EXAMPLES} of a kind
 */
public record Verdict(
        String checker, long ok, long doubtful, long failed, Map<String, Integer> anomalies, List<String> examples) {
    public boolean isValid() {
        return anomalies.isEmpty();
    }
}
