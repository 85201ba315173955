package io.holdfast.chaos.history;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * A line of a history. The format is that of docs/chaos.md, section "Histories".
 *
 * @param index dense, from 0
 * @param process number of a client that does one thing at a time, or -1 for whoever injects faults
 * @param f what was asked; the same in an invocation and its completion
 * @param time nanoseconds since the history began; never less than that of the line before
 * @param node which node answered, where it matters
 * @param isFinal whether it belongs to the closing phase, when all faults are over
 */
public record Event(
        long index,
        Type type,
        long process,
        String f,
        JsonNode value,
        long time,
        @Nullable String node,
        boolean isFinal) {
    /** Of a line in which faults are told. */
    public static final long NEMESIS = -1;

    /** Which half of an operation this is, and how it ended. */
    public enum Type {
        INVOKE,
        /** It happened. */
        OK,
        /** It has not happened and never will. */
        FAIL,
        /** It may have happened or happen yet; or a fault. */
        INFO;

        /** As the format spells it. */
        public String text() {
            return name().toLowerCase(Locale.ROOT);
        }

        static Type of(String text) {
            return valueOf(text.toUpperCase(Locale.ROOT));
        }
    }

    /** Whether a fault is told here. */
    public boolean isNemesis() {
        return process == NEMESIS;
    }
}
