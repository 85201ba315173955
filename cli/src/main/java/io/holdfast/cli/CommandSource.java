package io.holdfast.cli;

import java.util.List;

/** A module on the class path that adds commands; found by {@link java.util.ServiceLoader}. */
public interface CommandSource {
    /** Classes of commands, as picocli knows them. */
    List<Class<?>> commands();
}
