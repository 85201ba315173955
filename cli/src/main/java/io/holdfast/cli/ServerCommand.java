package io.holdfast.cli;

import io.holdfast.node.Node;
import io.holdfast.node.config.ConfigSource;
import io.holdfast.node.config.NodeConfig;
import io.holdfast.node.config.Setting;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Runs a node in this process. */
@Command(
        name = "server",
        mixinStandardHelpOptions = true,
        description = {
            "Runs one node in this process until it is told to stop (SIGTERM or Ctrl-C).",
            "",
            "Settings come from the file, then from the environment (HOLDFAST_NODE_ID=2), then from --set; later ones"
                    + " win. Every setting, with what it is for, is in holdfast.yaml."
        })
final class ServerCommand implements Callable<Integer> {
    private static final Logger LOG = LoggerFactory.getLogger(ServerCommand.class);

    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            description = "Configuration file (YAML).")
    @Nullable
    Path file;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "One setting; may be repeated.")
    List<String> settings = List.of();

    @Override
    public Integer call() throws IOException, InterruptedException {
        NodeConfig config = ConfigSource.load(file, System.getenv(), settings);
        StringBuilder effective = new StringBuilder();
        for (Setting setting : Setting.values()) {
            effective
                    .append("\n  ")
                    .append(setting.key())
                    .append(" = ")
                    .append(config.values().get(setting));
        }
        LOG.info("holdfast {} starts with{}", Version.current(), effective);
        Node node = Node.start(config, Version.current(), ServerCommand::die);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            node.close();
            stopped.countDown();
        }));
        stopped.await();
        return 0;
    }

    /** No clean-up: nothing that this process could still do would make the disk more trustworthy. */
    private static void die(String reason) {
        LOG.error("stopping now: {}", reason);
        Runtime.getRuntime().halt(70);
    }
}
