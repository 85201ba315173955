package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.Position;
import io.holdfast.client.ReadMode;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.client.ReceivedRecord;
import io.holdfast.v1.Route;
import io.holdfast.v1.Start;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.zip.CRC32C;

/** Reads what each replica serves and says what is wrong with it, as one line per finding. */
public final class LogChecker {
    private static final Duration PATIENCE = Duration.ofSeconds(60);

    private LogChecker() {}

    /**
     * Waits until each replica of a topic has all there is, then compares it with what the load was told and the replicas
     * with each other.
     */
    static List<String> check(
            TestCluster cluster, HoldfastClient client, KeyedLoad load, String topic, int partitions) {
        List<Long> ends = client.admin()
                .lookupOffsets(
                        topic, partitions, Start.newBuilder().setLatest(true).build());
        Map<Integer, BitSet> seen = new TreeMap<>();
        List<String> findings = new ArrayList<>();
        for (Route route : client.admin().getRoutes(List.of(topic)).getRoutesList()) {
            int p = route.getPartition().getPartition();
            List<Integer> nodes = route.getReplicaNodesList();
            for (int node : nodes) {
                cluster.awaitCaughtUp(client, node, topic, p, ends.get(p), PATIENCE);
            }
            String first = cluster.node(nodes.get(0)).address();
            findings.addAll(check(read(client, first, topic, p, ends.get(p)), load, seen));
            long checksum = checksum(client, first, topic, p, ends.get(p));
            for (int node : nodes.subList(1, nodes.size())) {
                if (checksum(client, cluster.node(node).address(), topic, p, ends.get(p)) != checksum) {
                    findings.add("partition " + p + " is not the same on nodes " + nodes.get(0) + " and " + node);
                }
            }
        }
        findings.addAll(lost(load, seen));
        return findings;
    }

    /** Checksum over everything that a node serves of a partition from its start to {@code end}: offsets, keys, values. */
    public static long checksum(HoldfastClient client, String node, String topic, int partition, long end) {
        CRC32C crc = new CRC32C();
        read(client, node, topic, partition, end).forEach(record -> {
            crc.update(ByteBuffer.allocate(16).putLong(0, record.offset()).putLong(8, record.appendTimeMs()));
            crc.update(bytes(record.key()));
            crc.update(bytes(record.value()));
        });
        return crc.getValue();
    }

    private static byte[] bytes(byte @org.jspecify.annotations.Nullable [] field) {
        return field == null ? new byte[0] : field;
    }

    /** All records that a node serves of a partition, up to {@code end}. */
    public static List<ReceivedRecord> read(HoldfastClient client, String node, String topic, int partition, long end) {
        ReaderSettings settings = ReaderSettings.of(topic)
                .withPartition(partition)
                .withNode(node)
                .withMode(ReadMode.any())
                .withUntil(Position.offset(end));
        List<ReceivedRecord> records = new ArrayList<>();
        long deadline = System.nanoTime() + PATIENCE.toNanos();
        try (Reader reader = client.newReader(settings)) {
            while (!reader.isFinished()) {
                ReceivedRecord record = reader.poll(Duration.ofMillis(200));
                if (record != null) {
                    records.add(record);
                } else if (System.nanoTime() > deadline) {
                    throw new AssertionError("node at " + node + " does not serve " + topic + "/" + partition
                            + " up to " + end + ", only " + records.size() + " records");
                }
            }
        }
        return records;
    }

    /**
     * Checks one partition, as one node serves it, against what a load sent.
     *
     * @param seen per key, which numbers were found; added to
     */
    public static List<String> check(List<ReceivedRecord> records, KeyedLoad load, Map<Integer, BitSet> seen) {
        List<String> findings = new ArrayList<>();
        Map<Integer, Integer> last = new TreeMap<>();
        long expectedOffset = 0;
        for (ReceivedRecord record : records) {
            if (record.offset() != expectedOffset) {
                findings.add("offset " + record.offset() + " where " + expectedOffset + " was due");
            }
            expectedOffset = record.offset() + 1;
            String[] parts = new String(bytes(record.value()), UTF_8).split(":", 3);
            int key = Integer.parseInt(parts[0]);
            int number = Integer.parseInt(parts[1]);
            if (number >= load.sent(key)) {
                findings.add("key " + key + " has number " + number + ", which was never sent");
                continue;
            }
            BitSet numbers = seen.computeIfAbsent(key, k -> new BitSet());
            if (numbers.get(number)) {
                findings.add("duplicate: key " + key + " number " + number + " again at offset " + record.offset());
            }
            numbers.set(number);
            int before = last.getOrDefault(key, -1);
            if (number <= before) {
                findings.add("order: key " + key + " number " + number + " after " + before);
            }
            last.put(key, number);
        }
        return findings;
    }

    /** Acknowledged numbers that were not found. */
    public static List<String> lost(KeyedLoad load, Map<Integer, BitSet> seen) {
        List<String> findings = new ArrayList<>();
        for (int key = 0; key < load.keys(); key++) {
            BitSet lost = (BitSet) load.acknowledged(key).clone();
            lost.andNot(seen.getOrDefault(key, new BitSet()));
            if (!lost.isEmpty()) {
                findings.add("lost: key " + key + " numbers " + lost);
            }
        }
        return findings;
    }
}
