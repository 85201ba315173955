package io.holdfast.chaos.check;

import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Values that shall come at a time. {@code schedule} [v, due], each value once; {@code cancel} v, ok if it will never come,
 * fail if it was too late for that; {@code arrivals} null, ok [[v, time], ...], all that has come in the end. Times are
 * milliseconds of the time of day; a due time of null is not judged.
 *
 * <ul>
 *   <li>lost: kept and not cancelled, and never came; duplicated: came twice; early: came before its time
 *   <li>cancelled-came: came although it was cancelled
 *   <li>aborted: came although keeping it had failed; unexpected: was never scheduled
 * </ul>
 */
public final class ScheduleChecker implements Checker {
    private final Findings findings = new Findings();
    private final Map<Long, Fate> fates = new HashMap<>();
    private boolean arrivalsWereRead;

    private static final class Fate {
        @Nullable
        Type scheduled;

        @Nullable
        Type cancelled;

        long due = Long.MIN_VALUE;
        int came;
    }

    @Override
    public String name() {
        return "schedule";
    }

    @Override
    public Set<String> operations() {
        return Set.of("schedule", "cancel", "arrivals");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        switch (event.f()) {
            case "schedule" -> {
                Fate fate = fates.computeIfAbsent(event.value().get(0).asLong(), v -> new Fate());
                if (event.type() != Type.INVOKE) {
                    fate.scheduled = event.type();
                }
                if (!event.value().get(1).isNull()) {
                    fate.due = event.value().get(1).asLong();
                }
            }
            case "cancel" -> {
                if (event.type() != Type.INVOKE) {
                    fates.computeIfAbsent(event.value().asLong(), v -> new Fate()).cancelled = event.type();
                }
            }
            default -> {
                if (event.type() == Type.OK) {
                    arrivalsWereRead = true;
                    event.value()
                            .forEach(one -> came(one.get(0).asLong(), one.get(1).asLong()));
                }
            }
        }
    }

    private void came(long value, long at) {
        Fate fate = fates.get(value);
        if (fate == null) {
            findings.add("unexpected", "value " + value);
            return;
        }
        fate.came++;
        if (at < fate.due) {
            findings.add("early", "value " + value + " by " + (fate.due - at) + " ms");
        }
    }

    @Override
    public Verdict finish() {
        fates.forEach((value, fate) -> {
            if (fate.came > 1) {
                findings.add("duplicated", "value " + value + " came " + fate.came + " times");
            }
            if (fate.came > 0 && fate.cancelled == Type.OK) {
                findings.add("cancelled-came", "value " + value);
            }
            if (fate.came > 0 && fate.scheduled == Type.FAIL) {
                findings.add("aborted", "value " + value);
            }
            boolean mayBeCancelled = fate.cancelled == Type.OK || fate.cancelled == Type.INFO;
            if (arrivalsWereRead && fate.came == 0 && fate.scheduled == Type.OK && !mayBeCancelled) {
                findings.add("lost", "value " + value);
            }
        });
        return findings.verdict(name());
    }
}
