package io.holdfast.bench.peer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The table that bench/queues.sh writes: medians over its rounds. Arguments: folder of results, rounds, command. */
final class QueueTable {
    private static final Map<String, String> LOADS = new TreeMap<>(Map.of(
            "one", "1 queue or partition, 1,000 records under way",
            "sixteen", "16 of them, 4,000 records under way",
            "latency", "1 of them, 1,000 records/s"));

    private QueueTable() {}

    public static void main(String[] arguments) throws IOException {
        Path folder = Path.of(arguments[0]);
        int rounds = Integer.parseInt(arguments[1]);
        System.out.println("# Queue groups beside RabbitMQ quorum queues");
        System.out.println();
        System.out.println(LocalDate.now() + ", " + Runtime.getRuntime().availableProcessors()
                + " cores, three nodes each and the client on one machine, 1 KB records, replication 3, medians of "
                + rounds
                + " round(s): `" + arguments[2]
                + "`. Servers and clients were warm. Each record is confirmed to its publisher, leased, and acknowledged by"
                + " itself; the consumer may hold 1,000.");
        System.out.println();
        System.out.println(
                "| load | system | published/s | consumed/s | confirm p50 / p99 ms | end to end p50 / p99 ms |"
                        + " server CPU ms/MB |");
        System.out.println("|---|---|---|---|---|---|---|");
        for (Map.Entry<String, String> load : LOADS.entrySet()) {
            for (String system : List.of("holdfast", "rabbitmq")) {
                List<JsonNode> results = new ArrayList<>();
                for (int round = 1; round <= rounds; round++) {
                    Path file = folder.resolve(load.getKey() + "-" + system + "-" + round + ".json");
                    if (Files.exists(file)) { // else the other system was measured alone
                        results.add(new ObjectMapper().readTree(file.toFile()));
                    }
                }
                if (results.isEmpty()) {
                    continue;
                }
                System.out.printf(
                        Locale.ROOT,
                        "| %s | %s | %,.0f | %,.0f | %.1f / %.1f | %.1f / %.1f | %s |%n",
                        load.getValue(),
                        system,
                        median(results, "/recordsPerSecond"),
                        median(results, "/arrivals") / median(results, "/seconds"),
                        median(results, "/acknowledgement/p50Ms"),
                        median(results, "/acknowledgement/p99Ms"),
                        median(results, "/endToEnd/p50Ms"),
                        median(results, "/endToEnd/p99Ms"),
                        costs(results));
            }
        }
    }

    /** A dash if a process ended or could not be asked. */
    private static String costs(List<JsonNode> results) {
        boolean known = results.stream()
                .noneMatch(result -> result.at("/costs/serverCpuMs").isMissingNode());
        return known ? String.format(Locale.ROOT, "%.0f", median(results, "/costs/serverCpuMs")) : "-";
    }

    private static double median(List<JsonNode> results, String path) {
        List<Double> values = new ArrayList<>();
        results.forEach(result -> values.add(result.at(path).asDouble()));
        Collections.sort(values);
        return values.get(values.size() / 2);
    }
}
