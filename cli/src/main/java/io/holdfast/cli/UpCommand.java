package io.holdfast.cli;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.cli.local.LocalNode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** A cluster on this machine. */
@Command(
        name = "up",
        mixinStandardHelpOptions = true,
        description = {
            "Starts a cluster on this machine, a process per node, and returns when it serves.",
            "",
            "Run again it starts what does not run. Stop it with: holdfast down"
        })
final class UpCommand implements Callable<Integer> {
    static final String DEFAULT_FOLDER = ".holdfast/cluster";

    @Option(
            names = "--nodes",
            defaultValue = "3",
            description = "How many nodes; 1, 3 or 5. Default: ${DEFAULT-VALUE}.")
    int nodes;

    @Option(
            names = "--dir",
            paramLabel = "DIR",
            defaultValue = DEFAULT_FOLDER,
            description = "Where everything is kept. Default: ${DEFAULT-VALUE}.")
    Path folder = Path.of(DEFAULT_FOLDER);

    @Option(
            names = "--port",
            defaultValue = "7400",
            description = "API port of node 1; node 2 has ten more, and so on. Default: ${DEFAULT-VALUE}.")
    int port;

    @Override
    public Integer call() throws IOException {
        if (nodes < 1 || nodes > 9 || nodes % 2 == 0) {
            System.err.println("holdfast up: ask for 1, 3, 5, 7 or 9 nodes, not " + nodes);
            return Main.EXIT_USAGE;
        }
        LocalCluster cluster = LocalCluster.find(folder);
        if (cluster == null) {
            cluster = LocalCluster.create(folder, nodes, port);
        }
        cluster.start(Duration.ofSeconds(60));
        for (LocalNode node : cluster.nodes()) {
            System.out.println("node " + node.id() + " serves on " + node.address() + ", process " + node.pid()
                    + ", log " + node.logFile());
        }
        System.out.println("try: holdfast cluster status -a " + cluster.node(1).address());
        return 0;
    }
}
