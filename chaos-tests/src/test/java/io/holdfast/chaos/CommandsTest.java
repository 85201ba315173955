package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

/** Only the command that is called is made; nobody should notice. */
class CommandsTest {
    private static final int USAGE = 2;

    @Test
    void shouldListAllCommandsWhenNoneIsNamed() {
        String[] some = {"quickstart", "server", "topic", "doctor", "bench", "chaos", "verify", "help "};
        assertThat(CommandLineRun.run(0, "--help")).contains(some);
        assertThat(CommandLineRun.run(0)).contains(some);
    }

    @Test
    void shouldExplainACommandEitherWay() {
        String explained = CommandLineRun.run(0, "topic", "--help");
        assertThat(explained).contains("holdfast topic", "create");
        assertThat(CommandLineRun.run(0, "help", "topic")).isEqualTo(explained);
        assertThat(CommandLineRun.run(0, "chaos", "--help")).contains("holdfast chaos");
    }

    @Test
    void shouldSuggestWhatMayBeMeant() {
        assertThat(errors("topci", "list")).contains("topci", "Did you mean: holdfast topic");
        assertThat(errors("topic", "creat")).contains("creat");
    }

    private static String errors(String... wrong) {
        PrintStream before = System.err;
        ByteArrayOutputStream printed = new ByteArrayOutputStream();
        System.setErr(new PrintStream(printed, true, UTF_8));
        try {
            CommandLineRun.run(USAGE, wrong);
        } finally {
            System.setErr(before);
        }
        return printed.toString(UTF_8);
    }
}
