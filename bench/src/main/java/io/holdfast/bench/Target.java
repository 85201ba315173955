package io.holdfast.bench;

import java.time.Duration;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The message system under load. A load knows no more of it than this, so that two systems are measured by the same
 * loop.
 */
public interface Target extends AutoCloseable {
    /** Creates the topic if there is none. */
    void createTopic(String topic, int partitions, int replicas) throws Exception;

    /** Deletes the topic and what is in it. */
    void deleteTopic(String topic) throws Exception;

    /** Opens a producer. One thread at a time. */
    Sink produce(LoadShape shape) throws Exception;

    /**
     * Opens a consumer of all partitions. One thread at a time.
     *
     * @param fromStart from the first record; else from what comes after this returned
     */
    Source consume(String topic, boolean fromStart) throws Exception;

    @Override
    void close();

    /** Takes records. */
    interface Sink extends AutoCloseable {
        /**
         * Sends a record; may block while the system's own limits say so.
         *
         * @param acknowledged called once, on any thread: null, or why the record failed
         */
        void send(int partition, byte[] value, Consumer<@Nullable Throwable> acknowledged) throws Exception;

        /** Waits until everything sent is acknowledged or has failed. */
        void flush() throws Exception;

        @Override
        void close();
    }

    /** Gives records. */
    interface Source extends AutoCloseable {
        /** Hands over what is there, at least one record if one comes in time; returns how many. */
        int poll(Duration patience, Consumer<byte[]> record) throws Exception;

        @Override
        void close();
    }
}
