package io.holdfast.chaos.check;

import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.HistoryReader;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** All that is known to be checked, over one file. */
public final class Checkers {
    private Checkers() {}

    /**
     * Checks a history for everything that its operations can be checked for.
     *
     * @throws IOException if it cannot be read, is not a history, or has operations that nobody can judge
     */
    public static List<Verdict> check(Path history) throws IOException {
        List<Checker> all = List.of(
                new SendPollChecker(),
                new QueueChecker(),
                new StreamChecker(),
                new ScheduleChecker(),
                new RegisterChecker(),
                new ListAppendChecker(),
                new TableChecker());
        Map<String, Checker> byOperation = new HashMap<>();
        for (Checker checker : all) {
            checker.operations().forEach(f -> byOperation.put(f, checker));
        }
        Map<Checker, Boolean> used = new HashMap<>();
        Map<String, Long> unknown = new HashMap<>();
        HistoryReader.read(history, event -> show(event, byOperation, used, unknown));
        if (!unknown.isEmpty()) {
            throw new IOException(history + " has operations that no checker knows: " + unknown.keySet());
        }
        List<Verdict> verdicts = new ArrayList<>();
        for (Checker checker : all) {
            if (used.containsKey(checker)) {
                verdicts.add(checker.finish());
            }
        }
        return verdicts;
    }

    private static void show(
            Event event, Map<String, Checker> byOperation, Map<Checker, Boolean> used, Map<String, Long> unknown) {
        if (event.isNemesis()) {
            return;
        }
        Checker checker = byOperation.get(event.f());
        if (checker == null) {
            unknown.putIfAbsent(event.f(), event.index());
            return;
        }
        used.put(checker, true);
        checker.accept(event);
    }
}
