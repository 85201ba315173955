package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.JsonNode;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * A log: {@code send}, {@code poll}, {@code assign}. A key is one sequence of records, each value is sent once. The names
 * of the anomalies are those that Jepsen's checker of logs uses:
 *
 * <ul>
 *   <li>lost-write: acknowledged, and on no node at the end; unseen-on-node: on some, but not on all
 *   <li>duplicate: one value at two offsets; inconsistent-offsets: two values at one
 *   <li>phantom-value: never sent; aborted-read: sent, and reported as not written
 *   <li>reordered-send: acknowledged before another was sent, and behind it
 *   <li>nonmonotonic-poll: a reader goes back; poll-skip: a reader goes over a record that is there
 *   <li>no-final-poll: nobody read everything at the end, so that loss cannot be judged
 * </ul>
 */
public final class SendPollChecker implements Checker {
    private static final long NOTHING = Long.MIN_VALUE;

    private final Findings findings = new Findings();
    private final Map<String, Key> keys = new TreeMap<>();
    private final Map<Long, Map<String, Long>> nextOffsets = new HashMap<>();
    private final List<Skip> skips = new ArrayList<>();

    /** What is known of a value. */
    private static final class Sent {
        final long after;

        @Nullable
        Type outcome;

        long offset = -1;
        boolean polled;

        /** @param after highest offset of the key that was acknowledged before it was sent, -1 for none */
        Sent(long after) {
            this.after = after;
        }
    }

    /** A reader went from one offset to another. */
    private record Skip(String key, long from, long to, long process, long index) {}

    /** What is known of a key. */
    private static final class Key {
        final Map<Long, Sent> values = new HashMap<>();
        final Map<String, BitSet> finallyOn = new TreeMap<>();
        long[] valueAt = new long[0];
        long acknowledged = -1;

        long at(long offset) {
            return offset < valueAt.length ? valueAt[(int) offset] : NOTHING;
        }

        void set(long offset, long value) {
            if (offset >= valueAt.length) {
                int before = valueAt.length;
                valueAt = Arrays.copyOf(valueAt, (int) Math.max(offset + 1, Math.min(before * 2L, 1 << 28)));
                Arrays.fill(valueAt, before, valueAt.length, NOTHING);
            }
            valueAt[(int) offset] = value;
        }
    }

    @Override
    public String name() {
        return "log";
    }

    @Override
    public Set<String> operations() {
        return Set.of("send", "poll", "assign");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        switch (event.f()) {
            case "send" -> send(event);
            case "poll" -> {
                if (event.type() == Type.OK) {
                    poll(event);
                }
            }
            default -> {
                if (event.type() == Type.OK) {
                    assign(event);
                }
            }
        }
    }

    private Key key(String name) {
        return keys.computeIfAbsent(name, k -> new Key());
    }

    private void send(Event event) {
        for (JsonNode operation : event.value()) {
            Key key = key(operation.get(1).asText());
            JsonNode sent = operation.get(2);
            long value = sent.isArray() ? sent.get(1).asLong() : sent.asLong();
            if (event.type() == Type.INVOKE) {
                if (key.values.put(value, new Sent(key.acknowledged)) != null) {
                    findings.add("bad-history", "value " + value + " is sent twice, at index " + event.index());
                }
                continue;
            }
            Sent known = key.values.get(value);
            if (known == null) {
                findings.add("phantom-value", "value " + value + " is acknowledged, but was never sent");
                continue;
            }
            known.outcome = event.type();
            if (sent.isArray()) {
                long offset = sent.get(0).asLong();
                place(event, operation.get(1).asText(), key, offset, value, known);
                if (event.type() == Type.OK) {
                    if (offset <= known.after) {
                        findings.add(
                                "reordered-send",
                                "value " + value + " of key " + operation.get(1) + " is at offset " + offset
                                        + ", but offset " + known.after + " was acknowledged before it was sent");
                    }
                    key.acknowledged = Math.max(key.acknowledged, offset);
                }
            }
        }
    }

    /** Somebody says that a value is at an offset. */
    private void place(Event event, String name, Key key, long offset, long value, Sent known) {
        long before = key.at(offset);
        if (before == NOTHING) {
            key.set(offset, value);
        } else if (before != value) {
            findings.add(
                    "inconsistent-offsets",
                    "offset " + offset + " of key " + name + " is value " + before + ", and value " + value
                            + " at index " + event.index());
        }
        if (known.offset >= 0 && known.offset != offset) {
            findings.add(
                    "duplicate",
                    "value " + value + " of key " + name + " is at offset " + known.offset + ", and at " + offset
                            + " at index " + event.index());
        } else {
            known.offset = offset;
        }
    }

    private void assign(Event event) {
        nextOffsets.put(event.process(), new HashMap<>());
        String node = event.node();
        if (event.isFinal() && node != null) {
            for (JsonNode key : event.value()) {
                key(key.asText()).finallyOn.computeIfAbsent(node, n -> new BitSet());
            }
        }
    }

    private void poll(Event event) {
        Map<String, Long> next = nextOffsets.computeIfAbsent(event.process(), p -> new HashMap<>());
        for (JsonNode operation : event.value()) {
            operation.path(1).fields().forEachRemaining(entry -> {
                Key key = key(entry.getKey());
                for (JsonNode record : entry.getValue()) {
                    polled(
                            event,
                            entry.getKey(),
                            key,
                            next,
                            record.get(0).asLong(),
                            record.get(1).asLong());
                }
            });
        }
    }

    private void polled(Event event, String name, Key key, Map<String, Long> next, long offset, long value) {
        Sent known = key.values.get(value);
        if (known == null) {
            findings.add(
                    "phantom-value",
                    "value " + value + " at offset " + offset + " of key " + name + " was never sent, at index "
                            + event.index());
        } else {
            known.polled = true;
            place(event, name, key, offset, value, known);
        }
        Long expected = next.put(name, offset + 1);
        if (expected != null && offset < expected) {
            findings.add(
                    "nonmonotonic-poll",
                    "process " + event.process() + " gets offset " + offset + " of key " + name + " after "
                            + (expected - 1) + ", at index " + event.index());
        } else if (expected != null && offset > expected) {
            skips.add(new Skip(name, expected, offset, event.process(), event.index()));
        }
        String node = event.node();
        if (event.isFinal() && node != null) {
            key.finallyOn.computeIfAbsent(node, n -> new BitSet()).set((int) offset);
        }
    }

    @Override
    public Verdict finish() {
        for (Skip skip : skips) {
            Key key = key(skip.key);
            for (long offset = skip.from; offset < skip.to; offset++) {
                if (key.at(offset) != NOTHING) {
                    findings.add(
                            "poll-skip",
                            "process " + skip.process + " goes from offset " + (skip.from - 1) + " of key " + skip.key
                                    + " to " + skip.to + " over value " + key.at(offset) + ", at index " + skip.index);
                    break;
                }
            }
        }
        keys.forEach(this::finish);
        return findings.verdict(name());
    }

    private void finish(String name, Key key) {
        if (key.finallyOn.isEmpty() && !key.values.isEmpty()) {
            findings.add("no-final-poll", "key " + name + " was not read from its start at the end");
            return;
        }
        key.values.forEach((value, sent) -> {
            if (sent.outcome == Type.FAIL && sent.polled) {
                findings.add("aborted-read", "value " + value + " of key " + name + " was polled, but its send failed");
            }
            if (sent.outcome != Type.OK) {
                return;
            }
            List<String> without = new ArrayList<>();
            key.finallyOn.forEach((node, offsets) -> {
                if (sent.offset < 0 || !offsets.get((int) sent.offset)) {
                    without.add(node);
                }
            });
            if (without.size() == key.finallyOn.size()) {
                findings.add(
                        "lost-write",
                        "value " + value + " of key " + name + " was acknowledged at offset " + sent.offset
                                + " and is nowhere");
            } else if (!without.isEmpty()) {
                findings.add(
                        "unseen-on-node",
                        "value " + value + " of key " + name + " was acknowledged at offset " + sent.offset
                                + " and is not on " + without);
            }
        });
        if (key.finallyOn.size() > 1) {
            Map<BitSet, String> different = new HashMap<>();
            key.finallyOn.forEach((node, offsets) -> different.put(offsets, node));
            if (different.size() > 1) {
                findings.add(
                        "replicas-differ",
                        "key " + name + " has not the same offsets at the end on " + different.values());
            }
        }
    }
}
