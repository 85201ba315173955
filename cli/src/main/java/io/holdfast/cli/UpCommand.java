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
            "Run again it starts what does not run, and with more --nodes it adds nodes, to which the cluster moves a",
            "fair share of what it has. Stop it with: holdfast down"
        })
final class UpCommand implements Callable<Integer> {
    static final String DEFAULT_FOLDER = ".holdfast/cluster";
    private static final int NODES_DEFAULT = 3;
    private static final int NODES_MAX = 9;

    @Option(
            names = "--nodes",
            defaultValue = "0",
            description = "How many nodes; 1, 3 or 5 to begin with. Default: 3, or those that are there.")
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
        LocalCluster cluster = LocalCluster.find(folder);
        if (cluster == null) {
            int first = nodes == 0 ? NODES_DEFAULT : nodes;
            if (first < 1 || first > NODES_MAX || first % 2 == 0) {
                System.err.println("holdfast up: ask for 1, 3, 5, 7 or 9 nodes to begin with, not " + first);
                return Main.EXIT_USAGE;
            }
            cluster = LocalCluster.create(folder, first, port);
        } else if (nodes > NODES_MAX || (nodes != 0 && nodes < cluster.nodes().size())) {
            System.err.println("holdfast up: ask for " + cluster.nodes().size() + " to " + NODES_MAX
                    + " nodes; to have fewer: holdfast node remove");
            return Main.EXIT_USAGE;
        }
        while (cluster.nodes().size() < nodes) {
            cluster.add(port);
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
