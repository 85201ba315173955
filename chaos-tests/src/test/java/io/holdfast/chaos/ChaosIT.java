package io.holdfast.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.cli.Main;
import io.holdfast.cli.local.LocalCluster;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Runs {@code holdfast chaos run} as a user does: a few scenarios in every build, all of them with -Pchaos or -Psoak. */
class ChaosIT {
    private static final String WHICH = System.getProperty("holdfast.chaos", "smoke");
    private static final String MINUTES = System.getProperty("holdfast.chaos.minutes", "0.2");
    private static final long SEED = Long.getLong("holdfast.seed", System.nanoTime() >>> 10);

    @Test
    void shouldLoseNothingWhateverHappens() throws Exception {
        Path out = Files.createTempDirectory("holdfast-test-");
        List<String> command =
                new ArrayList<>(List.of("chaos", "run", "--minutes", MINUTES, "--seed", Long.toString(SEED)));
        command.addAll(List.of("--out", out.toString()));
        switch (WHICH) {
            case "smoke" -> command.add("--smoke");
            case "all" -> {}
            default -> command.addAll(List.of("--scenario", WHICH));
        }

        int exit = Main.execute(command.toArray(new String[0]));

        assertThat(exit).as("exit code; reports and logs are in " + out).isZero();
        LocalCluster.deleteTree(out);
    }
}
