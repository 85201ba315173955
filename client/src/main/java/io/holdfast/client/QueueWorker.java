package io.holdfast.client;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs a handler for each record of a queue group, several at a time: accepts the record when the handler returns, has it
 * retried when it throws, and keeps the lease alive while it runs, for hours if need be. If the thread dies, or the
 * process, the lease runs out and somebody else gets the record.
 */
public final class QueueWorker implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(200);
    private static final long RENEW_CHECK_MS = 50;
    private static final Duration CLOSE_PATIENCE = Duration.ofSeconds(30);

    private final QueueConsumer consumer;
    private final Handler handler;
    private final List<Thread> threads = new ArrayList<>();
    /** What each thread is busy with. */
    private final Set<Job> jobs = ConcurrentHashMap.newKeySet();

    private final ScheduledFuture<?> renewals;
    private volatile boolean closing;
    private volatile @Nullable HoldfastException failure;

    private record Job(Thread thread, QueueDelivery delivery) {}

    /** Does the work of one record. */
    public interface Handler {
        /**
         * @throws RejectedException if the record can never succeed: it is dead-lettered at once
         * @throws Exception if it may succeed later: it is retried, or dead-lettered at the group's limit
         */
        void handle(ReceivedRecord record) throws Exception;
    }

    /** Thrown by a handler for a record that can never succeed. */
    public static final class RejectedException extends Exception {
        private static final long serialVersionUID = 1L;

        public RejectedException(String reason) {
            super(reason);
        }
    }

    QueueWorker(QueueConsumer consumer, int threadCount, Handler handler, ScheduledExecutorService timer) {
        this.consumer = consumer;
        this.handler = handler;
        renewals = timer.scheduleWithFixedDelay(this::renew, RENEW_CHECK_MS, RENEW_CHECK_MS, TimeUnit.MILLISECONDS);
        for (int i = 0; i < threadCount; i++) {
            Thread thread = new Thread(this::work, "holdfast-worker-" + i);
            thread.setDaemon(true);
            threads.add(thread);
        }
        threads.forEach(Thread::start);
    }

    private void renew() {
        long now = System.nanoTime();
        for (Job job : jobs) {
            if (job.thread.isAlive()) {
                consumer.extendIfDue(job.delivery, now);
            }
        }
    }

    private void work() {
        while (!closing) {
            QueueDelivery delivery;
            try {
                delivery = consumer.poll(POLL);
            } catch (HoldfastException e) {
                failure = e;
                return;
            }
            if (delivery != null) {
                Job job = new Job(Thread.currentThread(), delivery);
                jobs.add(job);
                try {
                    handle(delivery);
                } finally {
                    jobs.remove(job);
                }
            }
        }
    }

    private void handle(QueueDelivery delivery) {
        try {
            handler.handle(delivery.record());
            delivery.accept();
        } catch (RejectedException e) {
            delivery.reject(reason(e));
        } catch (InterruptedException e) {
            delivery.release();
            Thread.currentThread().interrupt();
            closing = true;
        } catch (Exception e) {
            delivery.retry(null, reason(e));
        }
    }

    private static String reason(Exception e) {
        return e.getMessage() == null ? e.toString() : e.getMessage();
    }

    /** Why it has stopped by itself, such as a group that was deleted; null if it has not. */
    public @Nullable HoldfastException failure() {
        return failure;
    }

    /** Takes no more records, waits for the handlers that run, at most 30 s, and gives back the rest. */
    @Override
    public void close() {
        closing = true;
        long deadline = System.nanoTime() + CLOSE_PATIENCE.toNanos();
        try {
            for (Thread thread : threads) {
                long leftMs = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
                if (leftMs > 0) {
                    thread.join(leftMs);
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        consumer.close();
        renewals.cancel(false);
    }
}
