package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.QueueLeases;
import io.holdfast.v1.Outcome;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Leases one record after the other by single calls, at a given rate, and accepts it: what that takes while many records wait
 * and many leases are out. The records must be there already. Reported are the lease as the acknowledgement, and lease
 * and acceptance together as end to end, both from when they were due.
 */
public final class LeaseLoad {
    private static final int THREADS = 64;
    private static final Duration DRAIN = Duration.ofSeconds(20);

    private final LoadShape shape;
    private final String group;
    private final int held;

    /** @param held leases taken before and kept throughout */
    public LeaseLoad(LoadShape shape, String group, int held) {
        if (shape.recordsPerSecond() == 0) {
            throw new IllegalArgumentException("say at which rate");
        }
        this.shape = shape;
        this.group = group;
        this.held = held;
    }

    /** Blocks for warm-up and measured time. */
    public LoadResult run(HoldfastClient client, ProcessCosts costs, Consumer<Interval> onInterval) throws Exception {
        hold(client);
        Meter meter = new Meter("lease", shape, costs, onInterval);
        QueueLeases queue = client.queueLeases(shape.topic(), group, "bench");
        ExecutorService threads = Executors.newFixedThreadPool(THREADS);
        Target.Sink leases = new Target.Sink() {
            @Override
            public void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged) {
                threads.execute(() -> one(queue, meter, Payload.dueNanos(value), acknowledged));
            }

            @Override
            public void flush() throws InterruptedException {
                threads.shutdown();
                threads.awaitTermination(DRAIN.toNanos(), TimeUnit.NANOSECONDS);
            }

            @Override
            public void close() {}
        };
        new ProduceLoad(shape).run(leases, meter, () -> {});
        return meter.result();
    }

    private void hold(HoldfastClient client) {
        QueueLeases holder = client.queueLeases(shape.topic(), group, "holder");
        for (int taken = 0; taken < held; ) {
            int more = holder.poll(Math.min(500, held - taken), Duration.ofSeconds(5), Duration.ofHours(1))
                    .size();
            if (more == 0) {
                throw new IllegalArgumentException("the group has only " + taken + " records to hold");
            }
            taken += more;
        }
    }

    private static void one(QueueLeases queue, Meter meter, long due, Consumer<@Nullable Throwable> acknowledged) {
        List<QueueLeases.Leased> leased;
        try {
            leased = queue.poll(1, Duration.ofSeconds(5), null);
        } catch (RuntimeException e) {
            acknowledged.accept(e);
            return;
        }
        acknowledged.accept(leased.isEmpty() ? new IllegalStateException("nothing was left to lease") : null);
        try {
            for (QueueLeases.Leased one : leased) {
                String refused = queue.settle(
                        one.record().partition(),
                        one.record().offset(),
                        one.leaseId(),
                        Outcome.OUTCOME_ACCEPT,
                        null,
                        "");
                if (refused != null) {
                    meter.failed(new IllegalStateException(refused));
                }
            }
            meter.arrived(due, System.nanoTime());
        } catch (RuntimeException e) {
            meter.failed(e);
        }
    }
}
