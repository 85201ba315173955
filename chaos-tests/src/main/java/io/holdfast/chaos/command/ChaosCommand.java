package io.holdfast.chaos.command;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** Faults, for everybody. */
@Command(
        name = "chaos",
        mixinStandardHelpOptions = true,
        description = {
            "Hurts a cluster made for it, under load, and checks that nothing acknowledged is lost, doubled or reordered.",
            "",
            "  holdfast chaos list                        what there is",
            "  holdfast chaos run --scenario kill         one, with a report",
            "  holdfast chaos run --minutes 1             all, a minute each",
            "",
            "Nodes run in network namespaces of their own where this user may have some, else as plain processes; what",
            "cannot be done is left out, and said. Nothing on this machine is changed."
        },
        subcommands = {ChaosRunCommand.class, ChaosListCommand.class})
final class ChaosCommand implements Runnable {
    @Spec
    CommandSpec spec = CommandSpec.create();

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }
}
