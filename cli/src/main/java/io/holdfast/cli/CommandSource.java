package io.holdfast.cli;

import java.util.List;

/** A module on the class path that adds commands; found by {@link java.util.ServiceLoader}. */
public interface CommandSource {
    /** Commands as picocli knows them, new ones with each call. */
    List<Object> commands();
}
