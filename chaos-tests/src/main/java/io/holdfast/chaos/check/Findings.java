package io.holdfast.chaos.check;

import io.holdfast.chaos.history.Event;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Counts what was found and how operations ended, and keeps a few examples of each anomaly. */
final class Findings {
    static final int EXAMPLES = 5;

    private final Map<String, Integer> anomalies = new TreeMap<>();
    private final List<String> examples = new ArrayList<>();
    private long ok;
    private long doubtful;
    private long failed;

    void count(Event event) {
        switch (event.type()) {
            case OK -> ok++;
            case INFO -> doubtful++;
            case FAIL -> failed++;
            case INVOKE -> {}
        }
    }

    void add(String anomaly, String example) {
        if (anomalies.merge(anomaly, 1, Integer::sum) <= EXAMPLES) {
            examples.add(anomaly + ": " + example);
        }
    }

    Verdict verdict(String checker) {
        return new Verdict(checker, ok, doubtful, failed, Map.copyOf(anomalies), List.copyOf(examples));
    }
}
