package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.JsonNode;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Registers: {@code read}, {@code write} and {@code cas} of {@code [key, x]}, where the x of a cas is {@code [old, new]}. A
 * register holds null at first. Each key must behave as if every operation had happened at one instant between its
 * invocation and its completion (Herlihy and Wing, Linearizability, 1990); not-linearizable if that cannot be. Keeps all
 * states in which a register can be, with the operations that have happened in each of them already, as Lowe's just-in-time
 * linearization does (Testing for linearizability, 2017). An operation in doubt may happen at any time later, or never; each
 * doubles the states at worst, so keys should be short, and one that is too long is unjudged.
 */
public final class RegisterChecker implements Checker {
    private static final int STATES_MAX = 200_000;
    private static final int PENDING_MAX = 63;
    private static final int STATES_SHOWN = 5;

    private final Findings findings = new Findings();
    private final Map<String, List<Event>> events = new TreeMap<>();

    /** An operation that was asked and may happen. */
    private record Pending(
            String f, @Nullable Long x, @Nullable Long wanted) {}

    /** A value, and which pending operations have brought it there, as bits of their slots. */
    private record State(@Nullable Long value, long happened) {}

    @Override
    public String name() {
        return "registers";
    }

    @Override
    public Set<String> operations() {
        return Set.of("read", "write", "cas");
    }

    @Override
    public void accept(Event event) {
        findings.count(event);
        events.computeIfAbsent(event.value().get(0).asText(), key -> new ArrayList<>())
                .add(event);
    }

    @Override
    public Verdict finish() {
        events.forEach((key, ofKey) -> new Register(key).judge(ofKey));
        return findings.verdict(name());
    }

    private static @Nullable Long number(JsonNode x) {
        return x.isNull() ? null : x.asLong();
    }

    /** One key's states, as its events go by. */
    private final class Register {
        private final String key;
        private final @Nullable Pending[] slots = new Pending[PENDING_MAX];
        private final Map<Long, Integer> slotOf = new HashMap<>();
        private Set<State> states = new HashSet<>(Set.of(new State(null, 0)));

        Register(String key) {
            this.key = key;
        }

        void judge(List<Event> all) {
            Map<Long, Event> completions = new HashMap<>();
            Map<Long, Event> invocations = new HashMap<>();
            for (Event event : all) { // how an operation ended is known before it begins
                if (event.type() == Type.INVOKE) {
                    invocations.put(event.process(), event);
                } else {
                    Event invocation = invocations.remove(event.process());
                    if (invocation != null) {
                        completions.put(invocation.index(), event);
                    }
                }
            }
            for (Event event : all) {
                boolean goesOn = event.type() == Type.INVOKE
                        ? invoke(event, completions.get(event.index()))
                        : event.type() != Type.OK || happened(event);
                if (!goesOn) {
                    return;
                }
            }
        }

        private boolean invoke(Event event, @Nullable Event completion) {
            boolean isSure = completion != null && completion.type() == Type.OK;
            boolean neverWas = completion != null && completion.type() == Type.FAIL;
            if (neverWas || !isSure && event.f().equals("read")) {
                return true; // says nothing
            }
            Event told = completion == null ? event : completion;
            int slot = 0;
            while (slot < PENDING_MAX && slots[slot] != null) {
                slot++;
            }
            if (slot == PENDING_MAX) {
                findings.add("unjudged", "key " + key + " has " + slot + " operations in doubt");
                return false;
            }
            JsonNode x = told.value().get(1);
            slots[slot] = event.f().equals("cas")
                    ? new Pending("cas", number(x.get(1)), number(x.get(0)))
                    : new Pending(event.f(), number(x), null);
            if (isSure) {
                slotOf.put(event.process(), slot);
            }
            return true;
        }

        /** Only states in which it has happened are left. */
        private boolean happened(Event event) {
            int slot = Objects.requireNonNull(slotOf.remove(event.process()));
            long bit = 1L << slot;
            Set<State> seen = new HashSet<>(states);
            Deque<State> left = new ArrayDeque<>(states);
            Set<State> after = new HashSet<>();
            while (!left.isEmpty()) {
                State state = left.poll();
                if ((state.happened & bit) != 0) {
                    after.add(new State(state.value, state.happened & ~bit));
                    continue;
                }
                for (int other = 0; other < PENDING_MAX; other++) {
                    State next = next(slots[other], state, other);
                    if (next != null && seen.add(next)) {
                        left.add(next);
                    }
                }
                if (seen.size() > STATES_MAX) {
                    findings.add("unjudged", "key " + key + " can be in more than " + STATES_MAX + " states");
                    return false;
                }
            }
            slots[slot] = null;
            if (after.isEmpty()) {
                findings.add(
                        "not-linearizable",
                        "key " + key + ": " + event.f() + " " + event.value().get(1) + " at index " + event.index()
                                + " cannot be; the register held "
                                + states.stream()
                                        .map(State::value)
                                        .distinct()
                                        .limit(STATES_SHOWN)
                                        .toList());
                return false;
            }
            states = after;
            return true;
        }

        /** What a state becomes if an operation happens now; null if it cannot. */
        private static @Nullable State next(@Nullable Pending operation, State state, int slot) {
            long bit = 1L << slot;
            if (operation == null || (state.happened & bit) != 0) {
                return null;
            }
            return switch (operation.f) {
                case "read" ->
                    Objects.equals(state.value, operation.x) ? new State(state.value, state.happened | bit) : null;
                case "cas" ->
                    Objects.equals(state.value, operation.wanted) ? new State(operation.x, state.happened | bit) : null;
                default -> new State(operation.x, state.happened | bit);
            };
        }
    }
}
