package io.holdfast.chaos;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.client.Producer;
import io.holdfast.client.ProducerRecord;
import io.holdfast.client.ProducerSettings;
import java.time.Duration;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A producer that counts up on each of many keys, in the background, at a bounded rate, and remembers what was
 * acknowledged and how long it ever had to wait for an acknowledgement.
 */
public final class KeyedLoad implements AutoCloseable {
    private final String topic;
    private final int keys;
    private final long pauseNanos;
    private final String padding;
    private final Producer producer;
    private final Thread thread;
    private final List<BitSet> acknowledged = new ArrayList<>();
    private final int[] next;
    private final AtomicLong acknowledgedCount = new AtomicLong();
    private final List<HoldfastException> failures = new ArrayList<>();
    private volatile boolean stopping;
    private volatile @Nullable Throwable broken;
    private long lastAckNanos;
    private long longestGapNanos;

    /**
     * @param recordsPerSecond 0 for as fast as it goes
     * @param valueBytes size that values are padded to
     */
    public KeyedLoad(HoldfastClient client, String topic, int keys, int recordsPerSecond, int valueBytes) {
        this.topic = topic;
        this.keys = keys;
        this.pauseNanos = recordsPerSecond == 0 ? 0 : 1_000_000_000L / recordsPerSecond;
        this.padding = "x".repeat(valueBytes);
        this.next = new int[keys];
        for (int k = 0; k < keys; k++) {
            acknowledged.add(new BitSet());
        }
        producer = client.newProducer(ProducerSettings.DEFAULT
                .withDeliveryTimeout(Duration.ofMinutes(5))
                .withMemoryBytesMax(4L << 20));
        thread = new Thread(this::run, "load");
        thread.start();
    }

    private void run() {
        long due = System.nanoTime();
        try {
            for (long n = 0; !stopping; n++) {
                int key = (int) (n % keys);
                send(key, next[key]++);
                if (pauseNanos > 0) {
                    due += pauseNanos;
                    long wait = due - System.nanoTime();
                    if (wait > 0) {
                        Thread.sleep(wait / 1_000_000, (int) (wait % 1_000_000));
                    }
                }
            }
        } catch (InterruptedException | RuntimeException e) {
            broken = e;
        }
    }

    private void send(int key, int number) {
        byte[] value = (key + ":" + number + ":" + padding).getBytes(UTF_8);
        producer.send(ProducerRecord.of(topic, ("key-" + key).getBytes(UTF_8), value))
                .whenComplete((at, failure) -> {
                    synchronized (this) {
                        if (failure == null) {
                            acknowledged.get(key).set(number);
                            acknowledgedCount.incrementAndGet();
                            long now = System.nanoTime();
                            if (lastAckNanos != 0) {
                                longestGapNanos = Math.max(longestGapNanos, now - lastAckNanos);
                            }
                            lastAckNanos = now;
                        } else if (failure instanceof HoldfastException refusal) {
                            failures.add(refusal);
                        }
                    }
                });
    }

    public long acknowledgedCount() {
        return acknowledgedCount.get();
    }

    /** Longest time between two acknowledgements since this was last asked, in milliseconds. */
    public synchronized double takeLongestGapMs() {
        double gap = longestGapNanos / 1e6;
        longestGapNanos = 0;
        return gap;
    }

    /** Waits until so many more records have been acknowledged than now. */
    public void awaitProgress(int records, Duration patience) {
        long target = acknowledgedCount.get() + records;
        TestCluster.await(records + " more acknowledgements", patience, () -> acknowledgedCount.get() >= target);
    }

    /** Stops sending and waits for all acknowledgements. */
    public void finish() throws InterruptedException {
        stopping = true;
        thread.join();
        producer.close();
        TestCluster.await("the last callbacks", Duration.ofSeconds(10), () -> {
            synchronized (this) {
                long sent = 0;
                for (int n : next) {
                    sent += n;
                }
                return acknowledgedCount.get() + failures.size() >= sent;
            }
        });
        Throwable cause = broken;
        if (cause != null) {
            throw new AssertionError("the load stopped by itself", cause);
        }
    }

    public int keys() {
        return keys;
    }

    /** Numbers of a key that were acknowledged. Call after {@link #finish}. */
    public synchronized BitSet acknowledged(int key) {
        return acknowledged.get(key);
    }

    /** How many of a key were sent. */
    public int sent(int key) {
        return next[key];
    }

    public synchronized List<HoldfastException> failures() {
        return List.copyOf(failures);
    }

    @Override
    public void close() throws InterruptedException {
        if (thread.isAlive()) {
            stopping = true;
            thread.interrupt();
            thread.join();
        }
    }
}
