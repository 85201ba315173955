package io.holdfast.chaos.check;

import io.holdfast.chaos.history.Event;
import java.util.Set;

/** Looks at one kind of operations in a history, event by event. Used by one thread. */
public interface Checker {
    String name();

    /** The operations that it understands, by their {@code f}; it is shown no others. */
    Set<String> operations();

    /** Called in the order of the history. */
    void accept(Event event);

    /** Called once, after the last event. */
    Verdict finish();
}
