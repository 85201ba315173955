package io.holdfast.chaos.workload;

import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.StreamConsumer;
import io.holdfast.client.StreamSettings;
import io.holdfast.v1.DescribeStreamGroupRequest;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.SeekStreamGroupRequest;
import io.holdfast.v1.SeekTarget;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamConfig;
import io.holdfast.v1.StreamGroupServiceGrpc;
import io.holdfast.v1.StreamPartition;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * Registers: the committed offsets of stream groups, set and read through any node, by single calls that are never tried
 * again. Its history has {@code read} and {@code write}; a key is a group and a partition, and is left after a while.
 */
public final class RegisterWorkload extends Workload {
    private static final String TOPIC = "registers";
    private static final int PARTITIONS = 2;
    private static final int OFFSETS = 20_000;
    private static final int CLIENTS = 3;
    private static final int OPERATIONS_PER_KEY = 60;
    /** Each write of which nobody knows whether it happened, or when, doubles what a checker must think of. */
    private static final int UNKNOWN_PER_KEY_MAX = 8;

    private static final int GROUPS_AHEAD = 4;
    private static final Duration JOIN = Duration.ofMillis(100);
    private static final int JOINS_MAX = 50;
    private static final long PAUSE_MS = 60;
    private static final long TIMEOUT_MS = 4000;

    private final Map<Integer, ManagedChannel> channels = new HashMap<>();
    private final AtomicLong operations = new AtomicLong();
    private final AtomicLong nextValue = new AtomicLong(1);
    private int groups;
    private long unknownKey = -1;
    private int unknownWrites;

    public RegisterWorkload(Arena arena, Path folder, long beganNanos, long seed) throws IOException {
        super("registers", arena, folder, beganNanos, seed);
        for (int node : arena.nodes()) {
            channels.put(
                    node,
                    NettyChannelBuilder.forTarget(arena.address(node))
                            .usePlaintext()
                            .build());
        }
    }

    @Override
    public String topic() {
        return TOPIC;
    }

    @Override
    public void prepare() {
        createTopic(TOPIC, PARTITIONS);
        try (Producer producer = client().newProducer()) {
            for (int i = 0; i < OFFSETS; i++) {
                producer.send(ProducerRecord.of(TOPIC, i % PARTITIONS, null, new byte[1]));
            }
        }
        for (int g = 0; g < GROUPS_AHEAD; g++) {
            makeGroup(g);
        }
    }

    /** A group, and a member that joins once: from then on the group knows which topic it is about. */
    private void makeGroup(int number) {
        String group = "group-" + number;
        try {
            client().streamGroups().create(group, StreamConfig.getDefaultInstance());
        } catch (HoldfastException e) {
            if (e.reason() != ErrorReason.ERROR_REASON_GROUP_EXISTS) { // it does if only the answer was lost
                throw e;
            }
        }
        StreamSettings settings = StreamSettings.of(group, TOPIC).withCommitEvery(Duration.ZERO);
        try (StreamConsumer member = client().newStreamConsumer(settings)) {
            for (int i = 0; i < JOINS_MAX && member.partitions(TOPIC).size() < PARTITIONS; i++) {
                member.poll(JOIN);
            }
        }
        groups = number + 1;
    }

    /** Whether a group is there; makes the ones that will be needed next. */
    private synchronized boolean hasGroup(long number) {
        try {
            while (groups <= number + GROUPS_AHEAD) {
                makeGroup(groups);
            }
        } catch (HoldfastException e) {
            return number < groups; // with the next operation again
        }
        return true;
    }

    /** How a write to a key ended is not known: after some of them the next key is taken. */
    private synchronized void unknown(long number) {
        unknownWrites = number == unknownKey ? unknownWrites + 1 : 1;
        unknownKey = number;
        if (unknownWrites >= UNKNOWN_PER_KEY_MAX) {
            operations.accumulateAndGet((number + 1) * OPERATIONS_PER_KEY, Math::max);
        }
    }

    @Override
    public void start() {
        for (int c = 0; c < CLIENTS; c++) {
            startClient("client-" + c, new User());
        }
    }

    private final class User implements Step {
        private long process = history().newProcess();

        @Override
        public void take(Random random) {
            long number = operations.getAndIncrement() / OPERATIONS_PER_KEY;
            String group = "group-" + number / PARTITIONS;
            int partition = (int) (number % PARTITIONS);
            if (!hasGroup(number / PARTITIONS)) {
                pause(PAUSE_MS);
                return;
            }
            String key = group + "/" + partition;
            List<Integer> nodes = List.copyOf(channels.keySet());
            var stub = StreamGroupServiceGrpc.newBlockingStub(channels.get(nodes.get(random.nextInt(nodes.size()))))
                    .withDeadlineAfter(TIMEOUT_MS, TimeUnit.MILLISECONDS);
            if (random.nextInt(3) == 0) {
                if (write(stub, key, group, partition) == Type.INFO) {
                    unknown(number);
                }
            } else {
                read(stub, key, group, partition);
            }
            pause(PAUSE_MS);
        }

        private Type write(
                StreamGroupServiceGrpc.StreamGroupServiceBlockingStub stub, String key, String group, int partition) {
            long value = nextValue.getAndIncrement() % (OFFSETS / PARTITIONS);
            List<Object> asked = List.of(key, value);
            history().invoke(process, "write", asked);
            long began = System.nanoTime();
            try {
                stub.seekStreamGroup(SeekStreamGroupRequest.newBuilder()
                        .setName(group)
                        .addTargets(SeekTarget.newBuilder()
                                .setTopic(TOPIC)
                                .setPartition(partition)
                                .setTo(Start.newBuilder().setOffset(value)))
                        .build());
                history().complete(process, Type.OK, "write", asked);
                succeeded(began);
                return Type.OK;
            } catch (StatusRuntimeException e) {
                return ended(HoldfastException.of(e), "write", asked);
            }
        }

        private void read(
                StreamGroupServiceGrpc.StreamGroupServiceBlockingStub stub, String key, String group, int partition) {
            List<@Nullable Object> asked = new ArrayList<>(List.of(key));
            asked.add(null);
            history().invoke(process, "read", asked);
            try {
                List<@Nullable Object> told = new ArrayList<>(List.of(key));
                Long committed = null;
                for (StreamPartition one : stub.describeStreamGroup(DescribeStreamGroupRequest.newBuilder()
                                .setName(group)
                                .build())
                        .getPartitionsList()) {
                    if (one.getPartition().getTopic().equals(TOPIC)
                            && one.getPartition().getPartition() == partition
                            && one.hasCommitted()) {
                        committed = one.getCommitted();
                    }
                }
                told.add(committed);
                history().complete(process, Type.OK, "read", told);
            } catch (StatusRuntimeException e) {
                history().complete(process, Type.FAIL, "read", asked);
            }
        }

        private Type ended(HoldfastException why, String f, Object asked) {
            Type outcome = outcome(why);
            history().complete(process, outcome, f, asked, error(why));
            if (outcome == Type.INFO) {
                process = history().newProcess();
            }
            return outcome;
        }
    }

    /** Nothing more to read: reads and writes are judged as they come. */
    @Override
    public void readAll() {}

    @Override
    public void close() throws IOException {
        channels.values().forEach(ManagedChannel::shutdownNow);
        super.close();
    }
}
