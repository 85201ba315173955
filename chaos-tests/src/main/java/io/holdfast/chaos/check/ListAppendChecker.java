package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.JsonNode;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Lists: {@code txn} of one {@code ["append", key, x]} or one {@code ["r", key, null]}, which comes back with the whole
 * list. The values of a key are appended once each. Reads must be of one order, and see what was done before they began:
 *
 * <ul>
 *   <li>incompatible-order: two reads of which neither is a beginning of the other
 *   <li>stale-read: without an element that was acknowledged, or read by somebody, before the read began
 *   <li>reordered-append: acknowledged before another was begun, and behind it
 *   <li>duplicate-elements, phantom-value, aborted-read: twice; never appended; reported as not appended
 * </ul>
 */
public final class ListAppendChecker implements Checker {
    private final Findings findings = new Findings();
    private final Map<String, Lists> keys = new TreeMap<>();
    private final Map<Long, Reading> readings = new HashMap<>();

    private static final class Append {
        final long invoked;
        long acknowledged = Long.MAX_VALUE;

        @Nullable
        Type outcome;

        Append(long invoked) {
            this.invoked = invoked;
        }
    }

    /** What was known when a read began. */
    private record Reading(int acknowledged, int longest) {}

    private static final class Lists {
        final Map<Long, Append> appends = new HashMap<>();
        final List<Long> acknowledged = new ArrayList<>();
        List<Long> longest = List.of();
    }

    @Override
    public String name() {
        return "lists";
    }

    @Override
    public Set<String> operations() {
        return Set.of("txn");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        if (event.value().size() != 1) {
            findings.add("bad-history", "a transaction of several operations at index " + event.index());
            return;
        }
        JsonNode operation = event.value().get(0);
        String name = operation.get(1).asText();
        Lists key = keys.computeIfAbsent(name, k -> new Lists());
        switch (operation.get(0).asText()) {
            case "append" -> append(event, key, operation.get(2).asLong());
            case "r" -> {
                if (event.type() == Type.INVOKE) {
                    readings.put(event.process(), new Reading(key.acknowledged.size(), key.longest.size()));
                } else {
                    Reading reading = readings.remove(event.process());
                    if (event.type() == Type.OK && reading != null) {
                        read(event, name, key, reading, elements(operation.get(2)));
                    }
                }
            }
            default -> findings.add("bad-history", operation + " at index " + event.index());
        }
    }

    private void append(Event event, Lists key, long value) {
        if (event.type() == Type.INVOKE) {
            if (key.appends.put(value, new Append(event.time())) != null) {
                findings.add("bad-history", "value " + value + " is appended twice, at index " + event.index());
            }
            return;
        }
        Append append = key.appends.get(value);
        if (append != null) {
            append.outcome = event.type();
            if (event.type() == Type.OK) {
                append.acknowledged = event.time();
                key.acknowledged.add(value);
            }
        }
    }

    private static List<Long> elements(JsonNode list) {
        List<Long> elements = new ArrayList<>(list.size());
        list.forEach(element -> elements.add(element.asLong()));
        return elements;
    }

    private void read(Event event, String name, Lists key, Reading reading, List<Long> list) {
        String where = "key " + name + ", read at index " + event.index();
        Set<Long> set = new HashSet<>(list);
        if (set.size() < list.size()) {
            findings.add("duplicate-elements", where + ": " + list);
        }
        for (long value : list) {
            if (!key.appends.containsKey(value)) {
                findings.add("phantom-value", where + ": " + value + " was never appended");
            }
        }
        for (long value : key.acknowledged.subList(0, reading.acknowledged)) {
            if (!set.contains(value)) {
                findings.add("stale-read", where + ": without " + value + ", which was acknowledged before");
            }
        }
        if (list.size() < reading.longest) {
            findings.add("stale-read", where + ": of " + list.size() + " elements after one of " + reading.longest);
        }
        List<Long> shorter = list.size() < key.longest.size() ? list : key.longest;
        List<Long> longer = list.size() < key.longest.size() ? key.longest : list;
        if (!longer.subList(0, shorter.size()).equals(shorter)) {
            findings.add("incompatible-order", where + ": " + list + " after " + key.longest);
        }
        key.longest = longer;
    }

    @Override
    public Verdict finish() {
        keys.forEach((name, key) -> {
            long earliest = Long.MAX_VALUE;
            for (int i = key.longest.size() - 1; i >= 0; i--) {
                Append append = key.appends.get(key.longest.get(i));
                if (append == null) {
                    continue;
                }
                if (append.outcome == Type.FAIL) {
                    findings.add(
                            "aborted-read",
                            "key " + name + ": " + key.longest.get(i) + " was read, but its append failed");
                }
                if (earliest < append.invoked) {
                    findings.add(
                            "reordered-append",
                            "key " + name + ": before " + key.longest.get(i)
                                    + " was begun, one behind it was acknowledged");
                }
                earliest = Math.min(earliest, append.acknowledged);
            }
        });
        return findings.verdict(name());
    }
}
