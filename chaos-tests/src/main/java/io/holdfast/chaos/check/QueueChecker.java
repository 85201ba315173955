package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.JsonNode;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A queue of values, each put in once. Without leases: {@code enqueue} v, {@code dequeue} null for v, {@code drain} null
 * for [v, ...]. With leases: {@code lease} null for [[v, token, milliseconds], ...], {@code settle} of [v, token, "done" |
 * "again" | "dead"], and {@code drain-dead} null for [v, ...], what is in the dead-letter queue at the end.
 *
 * <ul>
 *   <li>lost: put in and acknowledged, and neither done nor dead nor left over
 *   <li>unexpected: came out and was never put in; aborted-read: came out although putting it in had failed
 *   <li>duplicated: done twice, dequeued twice or dead twice; done-and-dead: both
 *   <li>two-leases: leased to two at a time, both within the time that they were promised
 *   <li>late-settle: accepted from one after another had got it; redelivered: leased after it was done
 *   <li>dead-unseen: settled as dead, and not in the dead-letter queue
 * </ul>
 */
public final class QueueChecker implements Checker {
    private final Findings findings = new Findings();
    private final Map<Long, Element> elements = new HashMap<>();
    private final Map<Long, Long> leaseInvoked = new HashMap<>();
    private boolean deadWereRead;

    /** A lease, and during which times it is certainly held: from when it was known until it may have ended. */
    private static final class Lease {
        final long token;
        final long invoked;
        final long known;
        long until;

        Lease(long token, long invoked, long known, long until) {
            this.token = token;
            this.invoked = invoked;
            this.known = known;
            this.until = until;
        }
    }

    private static final class Element {
        @Nullable
        Type put;

        final List<Lease> leases = new ArrayList<>();
        final Map<Long, Long> settleInvoked = new HashMap<>();
        int done;
        int dead;
        boolean settledDead;
        boolean perhapsEnded;
        boolean leftOver;
        long endedAt = Long.MAX_VALUE;
    }

    @Override
    public String name() {
        return "queue";
    }

    @Override
    public Set<String> operations() {
        return Set.of("enqueue", "dequeue", "drain", "lease", "settle", "drain-dead");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        switch (event.f()) {
            case "enqueue" -> enqueue(event);
            case "settle" -> settle(event);
            case "lease" -> {
                if (event.type() == Type.INVOKE) {
                    leaseInvoked.put(event.process(), event.time());
                } else if (event.type() == Type.OK) {
                    event.value().forEach(lease -> leased(event, lease));
                }
            }
            case "dequeue" -> {
                if (event.type() == Type.OK && !event.value().isNull()) {
                    ended(event, out(event, event.value().asLong()));
                }
            }
            case "drain" -> {
                if (event.type() == Type.OK) {
                    event.value().forEach(value -> out(event, value.asLong()).leftOver = true);
                }
            }
            default -> {
                if (event.type() == Type.OK) {
                    deadWereRead = true;
                    event.value().forEach(value -> out(event, value.asLong()).dead++);
                }
            }
        }
    }

    private void enqueue(Event event) {
        Element element = elements.computeIfAbsent(event.value().asLong(), v -> new Element());
        if (event.type() != Type.INVOKE) {
            element.put = event.type();
        }
    }

    /** A value came out. */
    private Element out(Event event, long value) {
        Element element = elements.get(value);
        if (element == null) {
            findings.add("unexpected", "value " + value + " was never put in, at index " + event.index());
            element = new Element();
            elements.put(value, element);
        }
        return element;
    }

    private void ended(Event event, Element element) {
        element.done++;
        element.endedAt = Math.min(element.endedAt, event.time());
    }

    private void leased(Event event, JsonNode lease) {
        long value = lease.get(0).asLong();
        Element element = out(event, value);
        long invoked = leaseInvoked.getOrDefault(event.process(), event.time());
        Lease mine = new Lease(
                lease.get(1).asLong(),
                invoked,
                event.time(),
                invoked + lease.get(2).asLong() * 1_000_000);
        if (element.endedAt < invoked) {
            findings.add("redelivered", "value " + value + " was done, and leased at index " + event.index());
        }
        for (Lease other : element.leases) {
            boolean together = other.known < mine.until && mine.known < other.until;
            if (together && other.token != mine.token) {
                findings.add(
                        "two-leases",
                        "value " + value + " was held under " + other.token + " when it was leased under " + mine.token
                                + " at index " + event.index());
            }
            if (other.token == mine.token) {
                findings.add("duplicated", "value " + value + " was leased twice under " + mine.token);
            }
        }
        element.leases.add(mine);
    }

    private void settle(Event event) {
        long value = event.value().get(0).asLong();
        long token = event.value().get(1).asLong();
        boolean again = event.value().get(2).asText().equals("again");
        Element element = out(event, value);
        if (event.type() == Type.INVOKE) {
            element.settleInvoked.put(token, event.time());
            element.leases.stream()
                    .filter(lease -> lease.token == token)
                    .forEach(lease -> lease.until = Math.min(lease.until, event.time()));
            return;
        }
        if (event.type() == Type.INFO) {
            element.perhapsEnded |= !again;
        }
        if (event.type() != Type.OK) {
            return;
        }
        long asked = element.settleInvoked.getOrDefault(token, event.time());
        long since = element.leases.stream()
                .filter(lease -> lease.token == token)
                .mapToLong(lease -> lease.known)
                .findFirst()
                .orElse(Long.MAX_VALUE);
        for (Lease other : element.leases) {
            if (other.token != token && since < other.invoked && other.known < asked) {
                findings.add(
                        "late-settle",
                        "value " + value + " was settled under " + token + " at index " + event.index()
                                + ", after it had been leased under " + other.token);
            }
        }
        switch (event.value().get(2).asText()) {
            case "done" -> ended(event, element);
            case "dead" -> {
                element.settledDead = true;
                element.endedAt = Math.min(element.endedAt, event.time());
            }
            default -> {}
        }
    }

    @Override
    public Verdict finish() {
        elements.forEach((value, element) -> {
            if (element.done > 1 || element.dead > 1) {
                findings.add(
                        "duplicated",
                        "value " + value + " is done " + element.done + " and dead " + element.dead + " times");
            }
            if (element.done > 0 && element.dead > 0) {
                findings.add("done-and-dead", "value " + value + " is done, and dead all the same");
            }
            boolean cameOut = element.done > 0 || element.dead > 0 || !element.leases.isEmpty() || element.leftOver;
            if (element.put == Type.FAIL && cameOut) {
                findings.add("aborted-read", "value " + value + " came out, but putting it in had failed");
            }
            if (element.settledDead && deadWereRead && element.dead == 0) {
                findings.add("dead-unseen", "value " + value + " was settled as dead and is not among the dead");
            }
            boolean ended = element.done > 0 || element.dead > 0 || element.perhapsEnded || element.settledDead;
            if (element.put == Type.OK && !ended && !element.leftOver) {
                findings.add("lost", "value " + value + " was put in and never came out");
            }
        });
        return findings.verdict(name());
    }
}
