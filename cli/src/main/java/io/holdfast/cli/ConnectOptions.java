package io.holdfast.cli;

import io.holdfast.client.HoldfastClient;
import java.util.List;
import picocli.CommandLine.Option;

/** How client commands find the cluster. */
public final class ConnectOptions {
    @Option(
            names = {"-a", "--address"},
            paramLabel = "HOST:PORT",
            split = ",",
            description = "Nodes to connect to; one is enough. Default: $HOLDFAST_ADDRESS, else 127.0.0.1:7400.")
    List<String> addresses = List.of();

    public HoldfastClient connect() {
        if (!addresses.isEmpty()) {
            return HoldfastClient.connect(addresses);
        }
        String environment = System.getenv("HOLDFAST_ADDRESS");
        return HoldfastClient.connect(
                environment == null || environment.isBlank()
                        ? List.of("127.0.0.1:7400")
                        : List.of(environment.trim().split("\\s*,\\s*")));
    }
}
