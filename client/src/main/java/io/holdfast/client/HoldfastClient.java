package io.holdfast.client;

import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.ThreadPoolExecutor;

/**
 * A connection to a cluster. Make one per process and share it: it is thread-safe, and its producers and readers share
 * its connections and routes. Close it last.
 *
 * <pre>{@code
 * try (HoldfastClient client = HoldfastClient.connect("127.0.0.1:7400")) {
 *     client.admin().createTopic("orders", 8, 3);
 *     try (Producer producer = client.newProducer()) {
 *         producer.send(ProducerRecord.of("orders", key, value)).join();
 *     }
 *     try (Reader reader = client.newReader(ReaderSettings.of("orders"))) {
 *         for (ReceivedRecord record : reader) { ... }
 *     }
 * }
 * }</pre>
 */
public final class HoldfastClient implements AutoCloseable {
    private final Connections connections;
    private final ScheduledExecutorService timer;
    /** Completes the callers' futures, in order; what they do there delays nobody else. */
    private final ExecutorService callbacks;

    private final RoutingCache routes;
    private final Admin admin;

    private HoldfastClient(List<String> addresses) {
        connections = new Connections(addresses);
        ScheduledThreadPoolExecutor executor = new ScheduledThreadPoolExecutor(2, task -> {
            Thread thread = Executors.defaultThreadFactory().newThread(task);
            thread.setName("holdfast-client");
            thread.setDaemon(true);
            return thread;
        });
        executor.setRemoveOnCancelPolicy(true);
        executor.setRejectedExecutionHandler(
                new ThreadPoolExecutor.DiscardPolicy()); // after the end nothing is tried again
        timer = executor;
        callbacks = Executors.newSingleThreadExecutor(task -> {
            Thread thread = new Thread(task, "holdfast-callbacks");
            thread.setDaemon(true);
            return thread;
        });
        routes = new RoutingCache(connections, timer);
        admin = new Admin(connections);
    }

    /**
     * Connects in the background: this returns at once, calls wait for what they need.
     *
     * @param addresses host:port of one or more nodes; the others are found through them
     */
    public static HoldfastClient connect(String... addresses) {
        return connect(List.of(addresses));
    }

    /** See {@link #connect(String...)}. */
    public static HoldfastClient connect(List<String> addresses) {
        if (addresses.isEmpty()) {
            throw new IllegalArgumentException("name at least one node as host:port");
        }
        return new HoldfastClient(addresses);
    }

    public Admin admin() {
        return admin;
    }

    /** Records as they are stored, out of a cluster and back. */
    public BackupAdmin backups() {
        return new BackupAdmin(admin);
    }

    public Producer newProducer() {
        return newProducer(ProducerSettings.DEFAULT);
    }

    public Producer newProducer(ProducerSettings settings) {
        return new Producer(settings, connections, routes, timer, callbacks, admin);
    }

    public Reader newReader(ReaderSettings settings) {
        return new Reader(settings, connections, routes, timer, admin);
    }

    /** Queue groups. */
    public QueueAdmin queues() {
        return new QueueAdmin(admin);
    }

    /** Records whose time has not come. */
    public ScheduleAdmin schedules() {
        return new ScheduleAdmin(admin);
    }

    /** Leases by single calls. */
    public QueueLeases queueLeases(String topic, String group, String member) {
        return new QueueLeases(admin, routes, topic, group, member);
    }

    /** What a queue group has given up on. */
    public DeadLetters deadLetters(String topic, String group) {
        return new DeadLetters(admin, this::newReader, topic, group);
    }

    /** A member of a queue group, for callers that settle records themselves. */
    public QueueConsumer newQueueConsumer(QueueSettings settings) {
        return new QueueConsumer(settings, connections, routes, timer);
    }

    /** A member of a queue group that runs a handler for each record, on so many threads. */
    public QueueWorker newQueueWorker(QueueSettings settings, int threads, QueueWorker.Handler handler) {
        return new QueueWorker(newQueueConsumer(settings), threads, handler, timer);
    }

    /** Stream groups, for operators. */
    public StreamAdmin streamGroups() {
        return new StreamAdmin(admin);
    }

    /** A member of a stream group. */
    public StreamConsumer newStreamConsumer(StreamSettings settings) {
        return new StreamConsumer(settings, connections, routes, timer, admin);
    }

    /** Breaks all connections. Consumers that were not closed before do not leave their groups: their sessions end. */
    @Override
    public void close() {
        routes.close();
        timer.shutdownNow();
        callbacks.shutdown();
        connections.close();
    }
}
