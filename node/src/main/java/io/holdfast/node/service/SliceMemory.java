package io.holdfast.node.service;

import io.holdfast.storage.log.ReadMemory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;

/**
 * Memory that slices are read into and sent from, used again and again: it need not be zeroed, nor collected, and may still
 * be in a processor's cache. Any thread.
 */
final class SliceMemory {
    private final int bufferBytes;
    private final BlockingQueue<ByteBuffer> free;

    /**
     * @param bufferBytes of each buffer; larger ones are made when asked for, and not kept
     * @param buffersMax how many are kept
     */
    SliceMemory(int bufferBytes, int buffersMax) {
        this.bufferBytes = bufferBytes;
        free = new ArrayBlockingQueue<>(buffersMax);
    }

    /** To be closed when nobody reads any more what was read into it. */
    Lease lease() {
        return new Lease();
    }

    int kept() {
        return free.size();
    }

    /** What was taken for one slice. One thread at a time. */
    final class Lease implements ReadMemory, AutoCloseable {
        private final List<ByteBuffer> taken = new ArrayList<>(1);

        @Override
        public ByteBuffer take(int bytes) {
            if (bytes > bufferBytes) {
                return ByteBuffer.allocate(bytes);
            }
            ByteBuffer kept = free.poll();
            ByteBuffer buffer = kept == null ? ByteBuffer.allocate(bufferBytes) : kept;
            taken.add(buffer);
            return buffer.clear().limit(bytes);
        }

        @Override
        public void close() {
            taken.forEach(free::offer);
            taken.clear();
        }
    }
}
