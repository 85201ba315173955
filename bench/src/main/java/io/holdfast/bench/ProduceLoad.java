package io.holdfast.bench;

import io.holdfast.bench.LoadResult.Interval;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;

/**
 * One producing thread, at a given rate or as fast as acknowledgements come. At a given rate, a record's latency counts
 * from when it was due, not from when the producer got round to it, so that no stall hides the records behind it
 * (coordinated omission).
 */
public final class ProduceLoad {
    private static final long STALL_MS = 100;

    private final LoadShape shape;
    private final Payload payload;
    private final Pace pace;
    private final boolean untilArrival;

    public ProduceLoad(LoadShape shape) {
        this(shape, false);
    }

    private ProduceLoad(LoadShape shape, boolean untilArrival) {
        this.shape = shape;
        this.untilArrival = untilArrival;
        payload = new Payload(shape.recordBytes());
        pace = shape.recordsPerSecond() > 0 ? paced() : flatOut();
    }

    /** A record counts as under way until {@link #arrived} has been called for it, instead of until it is acknowledged. */
    static ProduceLoad untilArrival(LoadShape shape) {
        return new ProduceLoad(shape, true);
    }

    /** A record has arrived. Any thread. */
    void arrived() {
        pace.done();
    }

    /** Blocks for warm-up and measured time. */
    public LoadResult run(Target target, ProcessCosts costs, Consumer<Interval> onInterval) throws Exception {
        Meter meter = new Meter("produce", shape, costs, onInterval);
        try (Target.Sink sink = target.produce(shape)) {
            run(sink, meter, () -> {});
        }
        return meter.result();
    }

    /** @param settle run when everything has been acknowledged, before the count ends; at a given rate only */
    void run(Target.Sink sink, Meter meter, Settling settle) throws Exception {
        long start = System.nanoTime();
        long warm = start + shape.warmUp().toNanos();
        long end = warm + shape.measured().toNanos();
        boolean counting = false;
        int turn = shape.recordsPerTurn();
        AtomicLong unanswered = new AtomicLong();
        for (long sequence = 0; ; sequence++) {
            long due = pace.next(start, sequence);
            long now = System.nanoTime();
            if (!counting && due >= warm) {
                meter.begin(shape.recordsPerSecond() > 0 ? due : Long.MIN_VALUE);
                counting = true;
            }
            if (due >= end || now >= end + shape.measured().toNanos()) {
                break;
            }
            meter.tick(now);
            unanswered.incrementAndGet();
            sink.send((int) (sequence / turn % shape.partitions()), payload.of(sequence, due), failure -> {
                if (!untilArrival || failure != null) {
                    pace.done();
                }
                if (failure == null) {
                    meter.acknowledged(due, System.nanoTime());
                } else {
                    meter.failed(failure);
                }
                unanswered.decrementAndGet();
            });
        }
        if (shape.recordsPerSecond() > 0) {
            sink.flush(); // what was due counts, however late its acknowledgement
            awaitZero(unanswered); // it comes on a thread that may lag behind the flush
            settle.run();
            meter.end();
        } else {
            meter.end();
            sink.flush();
        }
    }

    private static void awaitZero(AtomicLong count) throws InterruptedException {
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(5);
        while (count.get() > 0 && System.nanoTime() < deadline) {
            Thread.sleep(1);
        }
    }

    interface Settling {
        void run() throws InterruptedException;
    }

    /** When the next record is due. */
    private interface Pace {
        /** Waits until then. */
        long next(long start, long sequence) throws InterruptedException;

        void done();
    }

    private Pace paced() {
        return new Pace() {
            @Override
            public long next(long start, long sequence) {
                long due = start + (long) (sequence * (1e9 / shape.recordsPerSecond()));
                long left = due - System.nanoTime();
                while (left > 0) {
                    LockSupport.parkNanos(left);
                    left = due - System.nanoTime();
                }
                return due;
            }

            @Override
            public void done() {}
        };
    }

    private Pace flatOut() {
        Semaphore window = new Semaphore((int) Math.max(1, shape.windowBytes() / shape.recordBytes()));
        return new Pace() {
            @Override
            public long next(long start, long sequence) throws InterruptedException {
                long patience = start
                        + shape.warmUp().plus(shape.measured()).toNanos()
                        - System.nanoTime()
                        + TimeUnit.MILLISECONDS.toNanos(STALL_MS);
                window.tryAcquire(Math.max(0, patience), TimeUnit.NANOSECONDS);
                return System.nanoTime();
            }

            @Override
            public void done() {
                window.release();
            }
        };
    }
}
