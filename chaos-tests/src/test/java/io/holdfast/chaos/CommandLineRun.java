package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.cli.Main;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;

/** Runs commands in this process, one at a time. */
final class CommandLineRun {
    private CommandLineRun() {}

    /** What the command printed, errors apart; fails unless it exits with this code. */
    static synchronized String run(int exitCode, String... arguments) {
        PrintStream before = System.out;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setOut(new PrintStream(printed, true, UTF_8));
        int code;
        try {
            code = Main.execute(arguments);
        } finally {
            System.setOut(before);
        }
        assertThat(code).as("exit code; printed: %s", printed.toString(UTF_8)).isEqualTo(exitCode);
        return printed.toString(UTF_8);
    }
}
