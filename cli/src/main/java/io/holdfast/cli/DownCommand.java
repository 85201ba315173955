package io.holdfast.cli;

import io.holdfast.cli.local.LocalCluster;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Stops what up has started. */
@Command(
        name = "down",
        mixinStandardHelpOptions = true,
        description = "Stops the cluster that holdfast up has started. The data stays, unless --delete is given.")
final class DownCommand implements Callable<Integer> {
    @Option(
            names = "--dir",
            paramLabel = "DIR",
            defaultValue = UpCommand.DEFAULT_FOLDER,
            description = "Where the cluster is kept. Default: ${DEFAULT-VALUE}.")
    Path folder = Path.of(UpCommand.DEFAULT_FOLDER);

    @Option(names = "--delete", description = "Delete its data too. No way back.")
    boolean delete;

    @Override
    public Integer call() throws IOException {
        LocalCluster cluster = LocalCluster.find(folder);
        if (cluster == null) {
            System.err.println("holdfast down: there is no cluster in " + folder);
            return Main.EXIT_FAILED;
        }
        cluster.stop();
        if (delete) {
            LocalCluster.deleteTree(cluster.folder());
        }
        System.out.println(delete ? "stopped and deleted" : "stopped; the data is in " + cluster.folder());
        return 0;
    }
}
