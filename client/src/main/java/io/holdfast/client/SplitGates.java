package io.holdfast.client;

import io.holdfast.v1.SplitOff;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * Opens the streams of a reader, each of a partition that was split off from another only when all that the other has of
 * its keys has arrived: what arrives later is returned later. Any thread.
 */
final class SplitGates {
    private final ScheduledExecutorService timer;
    private final Map<Integer, PartitionStream> streams = new HashMap<>();
    /** Not open yet. */
    private final Map<Integer, SplitOff> closed = new HashMap<>();

    /** Not guarded: told under the streams' own locks. */
    private final Set<Integer> ended = ConcurrentHashMap.newKeySet();

    private final AtomicBoolean queued = new AtomicBoolean();
    private volatile boolean anyClosed;

    SplitGates(ScheduledExecutorService timer) {
        this.timer = timer;
    }

    /** @param from null if the stream need not wait */
    void add(PartitionStream stream, @Nullable SplitOff from) {
        synchronized (this) {
            streams.put(stream.partition(), stream);
            if (from != null) {
                closed.put(stream.partition(), from);
                anyClosed = true;
            }
        }
        if (from == null) {
            stream.connect();
        } else {
            progress();
        }
    }

    /** Something has arrived. Not under a stream's lock is anything opened, since this may be called under one. */
    void progress() {
        if (anyClosed && queued.compareAndSet(false, true)) {
            timer.execute(() -> {
                queued.set(false);
                open();
            });
        }
    }

    /** Nothing more comes of a partition. */
    void ended(int partition) {
        ended.add(partition);
        progress();
    }

    private void open() {
        Set<PartitionStream> toOpen = new HashSet<>();
        synchronized (this) {
            closed.entrySet().removeIf(one -> {
                PartitionStream parent = streams.get(one.getValue().getParent());
                boolean passed = parent == null
                        || ended.contains(one.getValue().getParent())
                        || parent.position() >= one.getValue().getParentEnd();
                if (passed) {
                    toOpen.add(streams.get(one.getKey()));
                }
                return passed;
            });
            anyClosed = !closed.isEmpty();
        }
        toOpen.forEach(PartitionStream::connect);
    }
}
