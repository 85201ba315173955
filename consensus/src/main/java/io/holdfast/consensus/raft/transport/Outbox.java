package io.holdfast.consensus.raft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.channel.Channel;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * What is to be sent on a connection. Messages that are put in while others go out leave together, in one system call:
 * that is how the heartbeats and small entries of many groups share their cost. Any thread.
 */
final class Outbox {
    private final Channel channel;
    private final Queue<ByteBuf> waiting = new ConcurrentLinkedQueue<>();
    private final AtomicBoolean scheduled = new AtomicBoolean();

    Outbox(Channel channel) {
        this.channel = channel;
    }

    void put(ByteBuf message) {
        waiting.add(message);
        if (scheduled.compareAndSet(false, true)) {
            try {
                channel.eventLoop().execute(this::send);
            } catch (RejectedExecutionException e) {
                discard();
            }
        }
    }

    private void send() {
        scheduled.set(false);
        if (!channel.isActive()) {
            discard();
            return;
        }
        for (ByteBuf message = waiting.poll(); message != null; message = waiting.poll()) {
            channel.write(message, channel.voidPromise());
        }
        channel.flush();
    }

    /** Frees what will never be sent. */
    void discard() {
        for (ByteBuf message = waiting.poll(); message != null; message = waiting.poll()) {
            message.release();
        }
    }
}
