package io.holdfast.chaos.command;

import io.holdfast.chaos.arena.Ability;
import io.holdfast.chaos.scenario.Scenario;
import io.holdfast.chaos.scenario.Scenarios;
import java.util.TreeSet;
import picocli.CommandLine.Command;

/** Names the scenarios. */
@Command(name = "list", mixinStandardHelpOptions = true, description = "Names the scenarios, and what each needs.")
final class ChaosListCommand implements Runnable {
    @Override
    public void run() {
        for (Scenario scenario : Scenarios.all()) {
            System.out.printf("%-20s %s%n", scenario.name(), scenario.about());
            System.out.printf(
                    "%-20s needs to %s%n",
                    "",
                    scenario.needs().isEmpty()
                            ? "do nothing"
                            : String.join(
                                    ", ",
                                    new TreeSet<>(scenario.needs())
                                            .stream().map(Ability::words).toList()));
        }
    }
}
