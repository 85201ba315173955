package io.holdfast.chaos.check;

import com.fasterxml.jackson.databind.ObjectMapper;
import io.holdfast.chaos.history.Event;
import io.holdfast.chaos.history.Event.Type;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A history made by hand: each call is an event, a millisecond after the one before. */
final class Told {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long MILLISECOND = 1_000_000;

    private final List<Event> events = new ArrayList<>();
    private long time;

    Told invoke(long process, String f, @Nullable Object value) {
        return add(Type.INVOKE, process, f, value, null);
    }

    Told ok(long process, String f, @Nullable Object value) {
        return add(Type.OK, process, f, value, null);
    }

    Told fail(long process, String f, @Nullable Object value) {
        return add(Type.FAIL, process, f, value, null);
    }

    Told info(long process, String f, @Nullable Object value) {
        return add(Type.INFO, process, f, value, null);
    }

    /** Both halves at once, with the value of the second. */
    Told done(long process, String f, @Nullable Object value) {
        return invoke(process, f, value).ok(process, f, value);
    }

    Told after(long milliseconds) {
        time += milliseconds * MILLISECOND;
        return this;
    }

    private Told add(Type type, long process, String f, @Nullable Object value, @Nullable String finallyOn) {
        time += MILLISECOND;
        events.add(new Event(
                events.size(), type, process, f, JSON.valueToTree(value), time, finallyOn, finallyOn != null));
        return this;
    }

    // ---- the log

    Told send(long process, int key, long value) {
        return invoke(process, "send", list(list("send", key, value)));
    }

    Told sent(long process, int key, long offset, long value) {
        return ok(process, "send", list(list("send", key, list(offset, value))));
    }

    Told sendDone(long process, int key, long offset, long value) {
        return send(process, key, value).sent(process, key, offset, value);
    }

    /** @param records offset, value, offset, value, ... */
    Told poll(long process, int key, long... records) {
        return invoke(process, "poll", list(list("poll"))).ok(process, "poll", polled(key, records));
    }

    Told finalPoll(long process, String node, int key, long... records) {
        add(Type.INVOKE, process, "assign", list(key), node);
        add(Type.OK, process, "assign", list(key), node);
        add(Type.INVOKE, process, "poll", list(list("poll")), node);
        return add(Type.OK, process, "poll", polled(key, records), node);
    }

    private static Object polled(int key, long... records) {
        List<Object> pairs = new ArrayList<>();
        for (int i = 0; i < records.length; i += 2) {
            pairs.add(list(records[i], records[i + 1]));
        }
        return list(list("poll", java.util.Map.of(Integer.toString(key), pairs)));
    }

    static List<@Nullable Object> list(@Nullable Object... items) {
        return Arrays.asList(items);
    }

    Verdict verdict(Checker checker) {
        events.forEach(checker::accept);
        return checker.finish();
    }

    /** Kinds of anomalies that a checker finds. */
    Set<String> anomalies(Checker checker) {
        return verdict(checker).anomalies().keySet();
    }
}
