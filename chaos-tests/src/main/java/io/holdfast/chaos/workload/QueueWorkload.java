package io.holdfast.chaos.workload;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.util.Durations;
import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.QueueLeases;
import io.holdfast.client.QueueLeases.Leased;
import io.holdfast.client.Reader;
import io.holdfast.client.ReaderSettings;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.QueueConfig;
import io.holdfast.v1.QueuePartition;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A queue: producers, and members of a group who lease, do what they got, fail it, reject it, forget it, or settle it too
 * late. Its history has {@code enqueue}, {@code lease}, {@code settle} and {@code drain-dead}.
 */
public final class QueueWorkload extends Workload {
    private static final String TOPIC = "queue";
    private static final String GROUP = "workers";
    private static final int PARTITIONS = 2;
    private static final int PRODUCERS = 1;
    private static final int MEMBERS = 3;
    private static final long PRODUCER_PAUSE_MS = 25;
    private static final long LEASE_MS = 2000;
    private static final int LATE_MS = 700;
    private static final int FAILURES_MAX = 3;
    private static final int RECORDS_PER_LEASE = 4;
    private static final Duration FINAL_PATIENCE = Duration.ofSeconds(90);

    private final AtomicLong nextValue = new AtomicLong();

    public QueueWorkload(Arena arena, Path folder, long beganNanos, long seed) throws IOException {
        super("queue", arena, folder, beganNanos, seed);
    }

    @Override
    public String topic() {
        return TOPIC;
    }

    @Override
    public void prepare() {
        createTopic(TOPIC, PARTITIONS);
        client().queues()
                .create(
                        TOPIC,
                        GROUP,
                        QueueConfig.newBuilder()
                                .setLease(Durations.fromMillis(LEASE_MS))
                                .setRetryDelay(Durations.fromMillis(50))
                                .setRetryDelayMax(Durations.fromMillis(400))
                                .setFailuresMax(FAILURES_MAX)
                                .build());
    }

    @Override
    public void start() {
        for (int p = 0; p < PRODUCERS; p++) {
            startClient("producer-" + p, new Putter());
        }
        for (int m = 0; m < MEMBERS; m++) {
            startClient("member-" + m, new Member("member-" + m));
        }
    }

    private final class Putter extends Writer {
        @Override
        public void take(Random random) {
            long value = nextValue.getAndIncrement();
            byte[] bytes = Long.toString(value).getBytes(UTF_8);
            write(ProducerRecord.of(TOPIC, random.nextInt(PARTITIONS), null, bytes), "enqueue", value, at -> value);
            pause(PRODUCER_PAUSE_MS);
        }
    }

    private final class Member implements Step {
        private final QueueLeases leases;
        private long process = history().newProcess();

        Member(String member) {
            leases = client().queueLeases(TOPIC, GROUP, member);
        }

        @Override
        public void take(Random random) {
            history().invoke(process, "lease", null);
            List<Leased> leased;
            try {
                leased = leases.poll(RECORDS_PER_LEASE, Duration.ofMillis(200), null);
            } catch (HoldfastException e) {
                // What it may have leased nobody knows: those leases run out.
                history().complete(process, Type.INFO, "lease", null);
                process = history().newProcess();
                pause(100);
                return;
            }
            List<List<Long>> told = new ArrayList<>();
            for (Leased one : leased) {
                told.add(List.of(value(one), one.leaseId(), LEASE_MS));
            }
            history().complete(process, Type.OK, "lease", told);
            for (Leased one : leased) {
                settle(one, random);
            }
        }

        private static long value(Leased leased) {
            return Long.parseLong(new String(leased.record().value(), UTF_8));
        }

        private void settle(Leased leased, Random random) {
            int dice = random.nextInt(100);
            if (dice == 0) {
                return; // forgotten
            }
            if (dice == 1) {
                pause(LEASE_MS + random.nextInt(LATE_MS)); // too late
            } else if (leased.deliveryCount() > 1) {
                pause(random.nextInt(LATE_MS)); // so that who comes too late finds it in other hands
            }
            String wish = dice < 5 ? "dead" : dice < 15 ? "again" : "done";
            Outcome outcome = switch (wish) {
                case "dead" -> Outcome.OUTCOME_REJECT;
                case "again" -> Outcome.OUTCOME_RETRY;
                default -> Outcome.OUTCOME_ACCEPT;
            };
            List<Object> settlement = List.of(value(leased), leased.leaseId(), wish);
            history().invoke(process, "settle", settlement);
            long began = System.nanoTime();
            try {
                String refusal = leases.settle(
                        leased.record().partition(),
                        leased.record().offset(),
                        leased.leaseId(),
                        outcome,
                        null,
                        "chaos");
                if (refusal == null) {
                    history().complete(process, Type.OK, "settle", settlement);
                    succeeded(began);
                } else {
                    history().complete(process, Type.FAIL, "settle", settlement, Map.of("error", refusal));
                }
            } catch (HoldfastException e) {
                Type result = outcome(e);
                history().complete(process, result, "settle", settlement, error(e));
                if (result == Type.INFO) {
                    process = history().newProcess();
                }
            }
        }
    }

    /** Members go on until nothing is left; what has died is read. */
    @Override
    public void readAll() {
        Member last = new Member("last");
        long deadline = System.nanoTime() + FINAL_PATIENCE.toNanos();
        while (!isEmpty() && System.nanoTime() < deadline) {
            last.take(nothingRare());
        }
        long process = history().newProcess();
        history().invoke(process, "drain-dead", null);
        List<Long> dead = new ArrayList<>();
        String deadLetters = TOPIC + "." + GROUP + ".dlq";
        if (!client().admin().listTopics(deadLetters).isEmpty()) {
            try (Reader reader = client().newReader(ReaderSettings.of(deadLetters))) {
                reader.forEach(record -> dead.add(Long.parseLong(new String(record.value(), UTF_8))));
            }
        }
        history().complete(process, Type.OK, "drain-dead", dead);
    }

    private boolean isEmpty() {
        try {
            for (QueuePartition partition :
                    client().queues().describe(TOPIC, GROUP).getPartitionsList()) {
                if (partition.hasError() || partition.getFloor() != partition.getEnd()) {
                    return false;
                }
            }
            return true;
        } catch (HoldfastException e) {
            return false;
        }
    }
}
