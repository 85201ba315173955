package io.holdfast.bench.peer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Writes one table from the results of both systems: arguments are their folder, the file to write, the command. */
final class PeerTable {
    private static final Pattern NAME = Pattern.compile("(\\w+)-(holdfast|kafka)-(\\d+)\\.json");

    private static final Set<String> UNCOUNTED = Set.of("warm", "fill");

    private PeerTable() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, Map<String, List<JsonNode>>> results = read(Path.of(arguments[0]));
        StringBuilder table = new StringBuilder();
        table.append("# Holdfast beside Kafka\n\n")
                .append("Made on ")
                .append(LocalDate.now(ZoneOffset.UTC))
                .append(", with ")
                .append(Runtime.getRuntime().availableProcessors())
                .append(" cores for three nodes and the client, by\n\n    ")
                .append(arguments[2])
                .append(
                        "\n\nEach cell: Holdfast / Kafka = ratio, means over the rounds. Holdfast flushes to disk before it"
                                + " acknowledges;\nKafka does where the name says fsync. CPU is that of all processes, client"
                                + " included.\n\n");
        table.append("| workload | MB/s | ack p50, ms | ack p99, ms | end to end p50, ms | CPU ms per MB |\n");
        table.append("|---|---|---|---|---|---|\n");
        results.forEach((workload, systems) -> table.append("| ")
                .append(workload)
                .append(cell(systems, "/megabytesPerSecond"))
                .append(cell(systems, "/acknowledgement/p50Ms"))
                .append(cell(systems, "/acknowledgement/p99Ms"))
                .append(cell(systems, "/endToEnd/p50Ms"))
                .append(cell(systems, "/costs/clientCpuMs", "/costs/serverCpuMs"))
                .append(" |\n"));
        Files.writeString(Path.of(arguments[1]), table);
        System.out.print(table);
    }

    private static Map<String, Map<String, List<JsonNode>>> read(Path folder) throws IOException {
        Map<String, Map<String, List<JsonNode>>> results = new TreeMap<>();
        ObjectMapper json = new ObjectMapper();
        try (var files = Files.list(folder)) {
            for (Path file : files.sorted().toList()) {
                Matcher name = NAME.matcher(file.getFileName().toString());
                if (name.matches() && !UNCOUNTED.contains(name.group(1))) {
                    results.computeIfAbsent(name.group(1), w -> new TreeMap<>())
                            .computeIfAbsent(name.group(2), s -> new ArrayList<>())
                            .add(json.readTree(file.toFile()));
                }
            }
        }
        return results;
    }

    private static String cell(Map<String, List<JsonNode>> systems, String... pointers) {
        double ours = mean(systems.getOrDefault("holdfast", List.of()), pointers);
        double theirs = mean(systems.getOrDefault("kafka", List.of()), pointers);
        if (Double.isNaN(ours) && Double.isNaN(theirs)) {
            return " | ";
        }
        return String.format(" | %s / %s = %s", number(ours), number(theirs), number(ours / theirs));
    }

    private static String number(double value) {
        return Double.isNaN(value) ? "–" : String.format(value < 10 ? "%.2f" : "%.0f", value);
    }

    /** Mean over the runs of the sum of the named figures; NaN if there are none. */
    private static double mean(List<JsonNode> runs, String... pointers) {
        return runs.stream()
                .mapToDouble(run -> {
                    double sum = 0;
                    for (String pointer : pointers) {
                        sum += run.at(pointer).asDouble(Double.NaN);
                    }
                    return sum;
                })
                .filter(value -> !Double.isNaN(value))
                .average()
                .orElse(Double.NaN);
    }
}
