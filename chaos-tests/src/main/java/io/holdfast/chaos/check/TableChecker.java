package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.JsonNode;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;

/**
 * The latest value of each key. {@code put} [key, value], the values of a key rise and come one after the other; {@code
 * scan} null, ok [[key, value], ...], everything that there is, in an order in which the values of a key rise too. After a
 * put that ended with info its key has no further.
 *
 * <ul>
 *   <li>lost: a scan ends with an older value of a key than one that was acknowledged before it began, or has none
 *   <li>backwards: an older value of a key comes after a newer one; duplicated: a value comes twice in a scan
 *   <li>aborted: a value is there although putting it had failed; unexpected: it was never put
 *   <li>unread: there are puts, and no scan came to its end
 * </ul>
 */
public final class TableChecker implements Checker {
    private final Findings findings = new Findings();
    private final Map<Long, Map<Long, Fate>> keys = new HashMap<>();
    /** By key, of those that were acknowledged. */
    private final Map<Long, Long> newest = new HashMap<>();
    /** What each scan under way must find, by its process. */
    private final Map<Long, Map<Long, Long>> expected = new HashMap<>();

    private boolean scanned;

    private static final class Fate {
        private boolean failed;
        private boolean seen;
    }

    @Override
    public String name() {
        return "table";
    }

    @Override
    public Set<String> operations() {
        return Set.of("put", "scan");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        if (event.f().equals("put")) {
            put(event, event.value().get(0).asLong(), event.value().get(1).asLong());
        } else if (event.type() == Type.INVOKE) {
            expected.put(event.process(), new HashMap<>(newest));
        } else {
            Map<Long, Long> least = expected.remove(event.process());
            if (event.type() == Type.OK && least != null) {
                scanned = true;
                scan(event.value(), least);
            }
        }
    }

    private void put(Event event, long key, long value) {
        switch (event.type()) {
            case INVOKE -> keys.computeIfAbsent(key, k -> new HashMap<>()).put(value, new Fate());
            case OK -> newest.merge(key, value, Math::max);
            case FAIL -> keys.getOrDefault(key, Map.of()).getOrDefault(value, new Fate()).failed = true;
            case INFO -> {}
        }
    }

    private void scan(JsonNode found, Map<Long, Long> least) {
        Map<Long, Long> last = new HashMap<>();
        for (JsonNode one : found) {
            long key = one.get(0).asLong();
            long value = one.get(1).asLong();
            Fate fate = keys.getOrDefault(key, Map.of()).get(value);
            if (fate == null) {
                findings.add("unexpected", "key " + key + ", value " + value);
                continue;
            }
            fate.seen = true;
            Long before = last.put(key, value);
            if (before != null && before == value) {
                findings.add("duplicated", "key " + key + ", value " + value);
            } else if (before != null && before > value) {
                findings.add("backwards", "key " + key + ", value " + value + " after " + before);
            }
        }
        least.forEach((key, value) -> {
            Long there = last.get(key);
            if (there == null || there < value) {
                findings.add("lost", "key " + key + ", value " + value + ", there is " + there);
            }
        });
    }

    @Override
    public Verdict finish() {
        keys.forEach((key, values) -> values.forEach((value, fate) -> {
            if (fate.failed && fate.seen) {
                findings.add("aborted", "key " + key + ", value " + value);
            }
        }));
        if (!newest.isEmpty() && !scanned) {
            findings.add("unread", newest.size() + " keys");
        }
        return findings.verdict(name());
    }
}
