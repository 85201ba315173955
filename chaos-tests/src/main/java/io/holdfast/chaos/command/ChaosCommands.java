package io.holdfast.chaos.command;

import io.holdfast.cli.CommandSource;
import java.util.List;

/** What this module adds to the command line. */
public final class ChaosCommands implements CommandSource {
    @Override
    public List<Class<?>> commands() {
        return List.of(ChaosCommand.class, VerifyCommand.class);
    }
}
