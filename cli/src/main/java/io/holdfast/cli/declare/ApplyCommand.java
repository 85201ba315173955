package io.holdfast.cli.declare;

import io.holdfast.cli.ConnectOptions;
import io.holdfast.cli.declare.DeclaredChanges.Change;
import io.holdfast.cli.declare.DeclaredChanges.ImpossibleChangeException;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Gives a cluster the topics and groups of a file. */
@Command(
        name = "apply",
        mixinStandardHelpOptions = true,
        description = {
            "Creates topics and groups that a file has and the cluster has not, and changes those that differ.",
            "What the file does not mention stays as it is, topics and settings alike; nothing is ever deleted.",
            "holdfast export writes such a file. Run it as often as you like. Exits with 1 if anything could not be done."
        })
public final class ApplyCommand implements Callable<Integer> {
    private static final String STDIN = "-";

    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Option(
            names = {"-f", "--file"},
            required = true,
            paramLabel = "FILE",
            description = "YAML; - for standard input.")
    String file = "";

    @Option(names = "--plan", description = "Only say what would be done.")
    boolean plan;

    @Override
    public Integer call() throws IOException {
        String yaml = file.equals(STDIN)
                ? new String(System.in.readAllBytes(), StandardCharsets.UTF_8)
                : Files.readString(Path.of(file));
        ClusterFile wanted = ClusterFile.parse(yaml, file.equals(STDIN) ? "the input" : file);
        int failed = 0;
        try (HoldfastClient client = connect.connect()) {
            DeclaredChanges changes = DeclaredChanges.between(client, wanted);
            for (Change change : changes.changes()) {
                try {
                    change.check().run();
                    if (!plan) {
                        change.action().run();
                    }
                    System.out.println((plan ? "would " : "") + change.what());
                } catch (HoldfastException | ImpossibleChangeException e) {
                    failed++;
                    System.out.println("cannot " + change.what() + ": " + e.getMessage());
                }
            }
            int done = changes.changes().size() - failed;
            System.out.println(done + (plan ? " to change, " : " changed, ") + changes.unchanged()
                    + " as they should be" + (failed == 0 ? "" : ", " + failed + " not possible"));
        }
        return failed == 0 ? 0 : 1;
    }
}
