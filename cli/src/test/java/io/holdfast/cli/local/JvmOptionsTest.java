package io.holdfast.cli.local;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class JvmOptionsTest {
    private static final Path LAUNCHER = Path.of("..", "holdfast");
    private static final Pattern TUNING = Pattern.compile("-XX:[^\\s\";]+");

    @Test
    void shouldStartANodeAsTheLauncherDoes() throws IOException {
        String launcher = Files.readString(LAUNCHER);

        assertThat(JvmOptions.forNode())
                .isNotEmpty()
                .allSatisfy(option -> assertThat(launcher).contains(option));
    }

    @Test
    void shouldKnowAllThatTheLauncherTunes() throws IOException {
        List<String> tuned = TUNING.matcher(Files.readString(LAUNCHER))
                .results()
                .map(MatchResult::group)
                .filter(option -> !option.contains("$") && !option.equals("-XX:+UseTransparentHugePages"))
                .toList();

        assertThat(tuned).isNotEmpty();
        assertThat(JvmOptions.forNode()).containsAll(tuned);
    }
}
