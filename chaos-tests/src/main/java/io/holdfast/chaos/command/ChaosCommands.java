package io.holdfast.chaos.command;

import io.holdfast.cli.CommandSource;
import java.util.List;

/** What this module adds to the command line. */
public final class ChaosCommands implements CommandSource {
    @Override
    public List<Object> commands() {
        return List.of(new ChaosCommand(), new VerifyCommand());
    }
}
