package io.holdfast.cli.doctor;

import io.holdfast.cli.ConnectOptions;
import io.holdfast.client.HoldfastClient;
import io.holdfast.node.config.ConfigSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Examines a cluster, or a machine that is to be a node. */
@Command(
        name = "doctor",
        mixinStandardHelpOptions = true,
        description = {
            "Examines the cluster: nodes and their links, leaders, replicas, disks, clocks, groups.",
            "With --config it examines this machine instead, before a node is started on it: settings, data directory,",
            "disk, ports, limits. Says what is wrong and what to do. Exits with 1 if there is a problem."
        })
public final class DoctorCommand implements Callable<Integer> {
    @Mixin
    ConnectOptions connect = new ConnectOptions();

    @Option(
            names = {"-c", "--config"},
            paramLabel = "FILE",
            description = "Examine this machine for a node with this configuration file.")
    @Nullable
    Path config;

    @Option(names = "--set", paramLabel = "KEY=VALUE", description = "With --config: one setting; may be repeated.")
    List<String> settings = List.of();

    @Override
    public Integer call() throws IOException {
        Findings findings = new Findings();
        if (config != null) {
            new MachineExamination(ConfigSource.load(config, System.getenv(), settings), findings).run();
        } else {
            try (HoldfastClient client = connect.connect()) {
                new ClusterExamination(client, findings).run();
            }
        }
        findings.print();
        return findings.hasProblem() ? 1 : 0;
    }
}
