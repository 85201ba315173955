package io.holdfast.chaos.command;

import io.holdfast.chaos.check.Checkers;
import io.holdfast.chaos.check.Verdict;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** Judges histories, ours or anybody's. */
@Command(
        name = "verify",
        mixinStandardHelpOptions = true,
        description = {
            "Checks histories of what clients asked and were told: nothing lost, nothing twice, nothing out of order.",
            "The format is JSON lines, as docs/chaos.md tells; any system's history can be checked.",
            "Exit code 1 if anything is wrong."
        })
final class VerifyCommand implements Callable<Integer> {
    @Parameters(paramLabel = "HISTORY", arity = "1..*", description = "files to check")
    List<Path> histories = List.of();

    @Override
    public Integer call() throws IOException {
        boolean allValid = true;
        for (Path history : histories) {
            for (Verdict verdict : Checkers.check(history)) {
                allValid &= verdict.isValid();
                print(history, verdict);
            }
        }
        return allValid ? 0 : 1;
    }

    private static void print(Path history, Verdict verdict) {
        System.out.printf(
                "%s: %s, %d ok, %d failed, %d in doubt: %s%n",
                history,
                verdict.checker(),
                verdict.ok(),
                verdict.failed(),
                verdict.doubtful(),
                verdict.isValid() ? "nothing wrong" : new TreeMap<>(verdict.anomalies()));
        verdict.examples().forEach(example -> System.out.println("  " + example));
    }
}
