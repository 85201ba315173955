package io.holdfast.chaos.workload;

import io.holdfast.chaos.arena.Arena;
import io.holdfast.chaos.history.Event.Type;
import io.holdfast.chaos.history.History;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import io.holdfast.client.RecordPosition;
import io.holdfast.v1.TopicConfig;
import io.holdfast.v1.WriteOutcome;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CompletionException;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * Clients that do one kind of thing, each one thing at a time, until they are told to stop. Every request and its answer go
 * into the history.
 */
public abstract class Workload implements AutoCloseable {
    private static final Duration DELIVERY_TIMEOUT = Duration.ofSeconds(10);
    static final int REPLICAS = 3;
    private static final Duration JOIN_PATIENCE = Duration.ofSeconds(60);

    private final String name;
    private final Arena arena;
    private final HoldfastClient client;
    private final History history;
    private final long seed;
    private final List<Thread> threads = new ArrayList<>();
    private final AtomicLong okCount = new AtomicLong();
    private final List<Sample> samples = Collections.synchronizedList(new ArrayList<>());
    private volatile boolean stopping;
    private volatile @Nullable Throwable broken;

    /**
     * An operation that was acknowledged.
     *
     * @param endedNanos {@link System#nanoTime}
     */
    public record Sample(long beganNanos, long endedNanos) {}

    /** @param folder where its history goes */
    Workload(String name, Arena arena, Path folder, long beganNanos, long seed) throws IOException {
        this.name = name;
        this.arena = arena;
        this.seed = seed;
        history = new History(folder.resolve(name + ".jsonl"), beganNanos);
        client = HoldfastClient.connect(
                arena.nodes().stream().map(arena::address).toList());
    }

    public final String name() {
        return name;
    }

    public final History history() {
        return history;
    }

    final Arena arena() {
        return arena;
    }

    final HoldfastClient client() {
        return client;
    }

    /** Makes the topics and groups that it needs. All nodes are well. */
    public abstract void prepare();

    /** A topic of as many replicas as there may be, up to three. */
    final void createTopic(String topic, int partitions) {
        createTopic(topic, TopicConfig.newBuilder().setPartitions(partitions));
    }

    /** The same with further settings. */
    final void createTopic(String topic, TopicConfig.Builder config) {
        client.admin()
                .createTopic(
                        topic,
                        config.setReplicas(Math.min(REPLICAS, arena.nodes().size()))
                                .build());
    }

    /** Starts its clients. */
    public abstract void start();

    /** All faults are over and all nodes are up: reads what there is in the end, after the clients have stopped. */
    public abstract void readAll();

    /** Topic whose first partition's leader is worth a fault. */
    public abstract String topic();

    /** A client of its own thread, which does its step again and again. */
    final void startClient(String clientName, Step step) {
        Random random = new Random(seed ^ clientName.hashCode());
        Thread thread = new Thread(
                () -> {
                    try (step) {
                        while (!stopping) {
                            step.take(random);
                        }
                    } catch (RuntimeException | Error e) {
                        if (!stopping) {
                            broken = e;
                        }
                    }
                },
                name + "-" + clientName);
        threads.add(thread);
        thread.start();
    }

    /** What a client does over and over. */
    interface Step extends AutoCloseable {
        void take(Random random);

        @Override
        default void close() {}
    }

    /** A client that writes one record after the other, each when the one before is acknowledged or given up. */
    abstract class Writer implements Step {
        private long process = history.newProcess();
        private Producer producer = newProducer();

        private Producer newProducer() {
            return client.newProducer(ProducerSettings.DEFAULT.withDeliveryTimeout(DELIVERY_TIMEOUT));
        }

        final long process() {
            return process;
        }

        /**
         * Sends a record and notes what came of it.
         *
         * @param asked for the history, as invoked and if it fails
         * @param told for the history, if it was acknowledged
         * @return where it is; null if it was not acknowledged
         */
        final @Nullable RecordPosition write(
                ProducerRecord record, String f, Object asked, Function<RecordPosition, Object> told) {
            history.invoke(process, f, asked);
            long began = System.nanoTime();
            try {
                RecordPosition at = producer.send(record).join();
                history.complete(process, Type.OK, f, told.apply(at));
                succeeded(began);
                return at;
            } catch (CompletionException | HoldfastException e) {
                Type outcome = outcome(e);
                history.complete(process, outcome, f, asked, error(e));
                if (outcome == Type.INFO) {
                    process = history.newProcess();
                }
                producer.close();
                producer = newProducer();
                return null;
            }
        }

        @Override
        public final void close() {
            producer.close();
        }
    }

    /** Tells its clients to stop and waits until they have. */
    public final void stop() {
        stopping = true;
        long deadline = System.nanoTime() + JOIN_PATIENCE.toNanos();
        for (Thread thread : threads) {
            try {
                thread.join(Math.max(1, (deadline - System.nanoTime()) / 1_000_000));
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException("interrupted", e);
            }
            if (thread.isAlive()) {
                throw new IllegalStateException("client " + thread.getName() + " does not come to an end");
            }
        }
        Throwable cause = broken;
        if (cause != null) {
            throw new IllegalStateException("a client of " + name + " broke", cause);
        }
    }

    /** An operation that changes something was acknowledged. */
    final void succeeded(long beganNanos) {
        okCount.incrementAndGet();
        samples.add(new Sample(beganNanos, System.nanoTime()));
    }

    /** Operations that were acknowledged so far, and change something. */
    public final long okCount() {
        return okCount.get();
    }

    /** All of them, in the order of their ends. */
    public final List<Sample> samples() {
        synchronized (samples) {
            return List.copyOf(samples);
        }
    }

    /** How an operation ended that failed. */
    static Type outcome(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        boolean certain = cause instanceof HoldfastException refusal
                && refusal.outcome() == WriteOutcome.WRITE_OUTCOME_NOT_APPLIED;
        return certain ? Type.FAIL : Type.INFO;
    }

    /** Why an operation failed, for the history. */
    static Map<String, String> error(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        return Map.of("error", String.valueOf(cause.getMessage()));
    }

    /** Dice that never come up with what happens once in a while. */
    static Random nothingRare() {
        return new Random() {
            private static final long serialVersionUID = 1L;

            @Override
            public int nextInt(int bound) {
                return bound - 1;
            }
        };
    }

    static void pause(long ms) {
        try {
            Thread.sleep(ms);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted", e);
        }
    }

    @Override
    public void close() throws IOException {
        stopping = true;
        threads.forEach(Thread::interrupt);
        client.close();
        history.close();
    }
}
