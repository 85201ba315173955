package io.holdfast.bench.peer;

import io.holdfast.bench.ConsumeLoad;
import io.holdfast.bench.EndToEndLoad;
import io.holdfast.bench.HoldfastTarget;
import io.holdfast.bench.LoadResult;
import io.holdfast.bench.LoadShape;
import io.holdfast.bench.ProcessCosts;
import io.holdfast.bench.ProduceLoad;
import io.holdfast.bench.QueueTarget;
import io.holdfast.bench.Target;
import io.holdfast.client.HoldfastClient;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Runs one load on Holdfast, Kafka or RabbitMQ and writes its JSON: what bench/compare.sh and bench/queues.sh call. Arguments are KEY=VALUE:
 * system, servers, pids, load, topic, partitions, size, rate, window, batch, linger, warm, seconds, flush, delete (the
 * topic, afterwards), out.
 */
final class PeerLoad {
    /** Of a queue's consumer. */
    private static final int PREFETCH = 1000;

    private PeerLoad() {}

    public static void main(String[] arguments) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (String argument : arguments) {
            given.put(argument.substring(0, argument.indexOf('=')), argument.substring(argument.indexOf('=') + 1));
        }
        LoadShape shape = new LoadShape(
                given.get("topic"),
                Integer.parseInt(given.getOrDefault("partitions", "1")),
                Integer.parseInt(given.getOrDefault("size", "1024")),
                Long.parseLong(given.getOrDefault("rate", "0")),
                Long.parseLong(given.getOrDefault("window", "100000000")),
                Integer.parseInt(given.getOrDefault("batch", "65536")),
                Duration.ofMillis(Long.parseLong(given.getOrDefault("linger", "0"))),
                "none",
                Duration.ofSeconds(Long.parseLong(given.getOrDefault("warm", "5"))),
                Duration.ofSeconds(Long.parseLong(given.getOrDefault("seconds", "15"))));
        ProcessCosts costs = new ProcessCosts(
                Arrays.stream(given.get("pids").split(",")).map(Long::valueOf).toList());
        boolean delete = Boolean.parseBoolean(given.getOrDefault("delete", "false"));
        LoadResult result;
        if (given.get("system").equals("kafka")) {
            boolean flush = Boolean.parseBoolean(given.getOrDefault("flush", "false"));
            try (Target target =
                    new KafkaTarget(given.get("servers"), flush ? Map.of("flush.messages", "1") : Map.of())) {
                result = run(given.get("load"), shape, target, costs, delete);
            }
        } else if (given.get("system").equals("rabbitmq")) {
            try (Target target = new RabbitTarget(given.get("servers"), shape.partitions(), PREFETCH)) {
                result = run(given.get("load"), shape, target, costs, delete);
            }
        } else if (given.get("load").equals("queue")) {
            try (HoldfastClient client =
                            HoldfastClient.connect(List.of(given.get("servers").split(",")));
                    Target target = new QueueTarget(client, PREFETCH)) {
                result = run("e2e", shape, target, costs, delete);
            }
        } else {
            List<String> addresses = List.of(given.get("servers").split(","));
            try (HoldfastClient client = HoldfastClient.connect(addresses);
                    Target target = new HoldfastTarget(client, null)) {
                result = run(given.get("load"), shape, target, costs, delete);
            }
        }
        Files.writeString(Path.of(given.get("out")), result.toJson() + "\n");
        result.summary().forEach(System.out::println);
        System.exit(0); // whatever threads a client leaves behind
    }

    private static LoadResult run(String load, LoadShape shape, Target target, ProcessCosts costs, boolean delete)
            throws Exception {
        target.createTopic(shape.topic(), shape.partitions(), 3);
        LoadResult result = switch (load) {
            case "produce" -> new ProduceLoad(shape).run(target, costs, interval -> {});
            case "consume" -> new ConsumeLoad(shape, true).run(target, costs, interval -> {});
            case "e2e", "queue" -> new EndToEndLoad(shape).run(target, costs, interval -> {});
            default -> throw new IllegalArgumentException("load must be produce, consume or e2e, not " + load);
        };
        if (delete) {
            target.deleteTopic(shape.topic());
        }
        return result;
    }
}
