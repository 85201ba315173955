package io.holdfast.cli;

import io.holdfast.cli.local.LocalCluster;
import io.holdfast.node.Node;
import io.holdfast.node.config.ConfigSource;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.CountDownLatch;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** One node to try things on. */
@Command(
        name = "dev",
        mixinStandardHelpOptions = true,
        description = {
            "Runs one node for trying things out, ready in seconds.",
            "",
            "Its data is in memory (or a temporary folder, where there is no memory-backed one) and gone when it stops,"
                    + " unless you name a folder with --dir."
        })
final class DevCommand implements Callable<Integer> {
    @Option(
            names = "--port",
            defaultValue = "7400",
            description = "API port; the next two are used too. Default: ${DEFAULT-VALUE}.")
    int port;

    @Option(names = "--dir", paramLabel = "DIR", description = "Keep the data here.")
    @Nullable
    Path directory;

    @Option(
            names = "--set",
            paramLabel = "KEY=VALUE",
            description = "One setting, as of holdfast server; may be repeated.")
    List<String> settings = List.of();

    @Override
    public Integer call() throws IOException, InterruptedException {
        System.setProperty("holdfast.log", System.getProperty("holdfast.log", "WARN"));
        Path data = directory == null ? temporary() : directory;
        List<String> flags = new ArrayList<>(List.of(
                "node.id=1",
                "node.data-dir=" + data,
                "listen.api-port=" + port,
                "listen.raft-port=" + (port + 1),
                "listen.http-port=" + (port + 2),
                "cluster.initial-nodes=1@127.0.0.1:" + port));
        flags.addAll(settings);
        long started = System.nanoTime();
        Node node = Node.start(ConfigSource.load(null, Map.of(), flags), Version.current(), reason -> {
            System.err.println("holdfast dev: stopping now: " + reason);
            Runtime.getRuntime().halt(70);
        });
        System.out.printf(
                "holdfast serves on %s after %.1f s; metrics on http://127.0.0.1:%d/metrics%n",
                node.address(), (System.nanoTime() - started) / 1e9, port + 2);
        System.out.println("data is in " + data + (directory == null ? ", until you press Ctrl-C" : ""));
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            node.close();
            if (directory == null) {
                LocalCluster.deleteTree(data);
            }
            stopped.countDown();
        }));
        stopped.await();
        return 0;
    }

    private static Path temporary() throws IOException {
        Path memory = Path.of("/dev/shm");
        return Files.isDirectory(memory) && Files.isWritable(memory)
                ? Files.createTempDirectory(memory, "holdfast-dev-")
                : Files.createTempDirectory("holdfast-dev-");
    }
}
