package io.holdfast.node.compaction;

import com.codahale.metrics.Meter;
import com.codahale.metrics.MetricRegistry;
import com.google.common.util.concurrent.RateLimiter;
import io.holdfast.consensus.compaction.CompactionPass;
import io.holdfast.consensus.compaction.CompactionPass.Scope;
import io.holdfast.consensus.compaction.CompactionPass.Source;
import io.holdfast.consensus.compaction.LastOffsets;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.internal.v1.TopicRow;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.config.NodeConfig;
import io.holdfast.storage.log.LogSlice;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compacts, one after the other, the partitions that this node leads; and gets rid, in its own files, of what compaction
 * has let go in any partition. One thread of its own: it reads whole partitions.
 */
public final class Compactor implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(Compactor.class);
    private static final long ROUND_MS = 1000;
    /** Partitions at rest are looked at in one round of so many. */
    private static final int ROUNDS_PER_LOOK_AT_REST = 30;

    /** What a rewrite reads between two questions whether to stop. */
    private static final int PIECE_BYTES = 1 << 20;

    private final ClusterState state;
    private final NodeConfig config;
    /** Bytes read, by passes and by rewrites; what is written is less. */
    private final RateLimiter rate;

    private final Meter removedRecords;
    private final Meter freedBytes;
    private final Object lock = new Object();
    /** Made when it is first needed: most nodes never do. */
    private @Nullable LastOffsets last;

    private volatile boolean closed;
    private int round;

    public Compactor(ClusterState state, NodeConfig config, MetricRegistry registry) {
        this.state = state;
        this.config = config;
        rate = RateLimiter.create(config.compactionBytesPerSecond());
        removedRecords = registry.meter("holdfast.compaction.removed.records");
        freedBytes = registry.meter("holdfast.compaction.freed.bytes");
        Thread thread = new Thread(this::run, "compaction");
        thread.setDaemon(true);
        thread.start();
    }

    private void run() {
        try {
            while (!closed) {
                round();
                synchronized (lock) {
                    if (!closed) {
                        lock.wait(ROUND_MS);
                    }
                }
            }
        } catch (InterruptedException e) {
            LOG.debug("stopping");
        }
    }

    private void round() throws InterruptedException {
        boolean restingToo = round++ % ROUNDS_PER_LOOK_AT_REST == 0;
        for (Map.Entry<GroupId, PartitionReplica> one : state.replicas().entrySet()) {
            if (closed) {
                return;
            }
            PartitionReplica replica = one.getValue();
            TopicRow topic = state.image().topic(one.getKey().topicId());
            try {
                if (topic != null
                        && topic.getConfig().hasCompaction()
                        && (replica.isOpen() || restingToo)
                        && state.leads(replica)) {
                    compact(topic, replica);
                }
                rewrite(replica);
            } catch (IOException | RuntimeException e) {
                LOG.info("compaction of {} waits: {}", one.getKey(), e.getMessage());
            }
        }
    }

    private void compact(TopicRow topic, PartitionReplica replica) throws IOException, InterruptedException {
        long nowMs = System.currentTimeMillis();
        if (!CompactionDue.isWorthALook(replica, topic.getConfig().getCompaction(), nowMs)) {
            return;
        }
        boolean splitOff =
                topic.getAssignments(replica.group().group().partition()).hasParent();
        Scope scope = CompactionDue.of(
                replica, topic.getConfig().getCompaction(), unsettled(topic, replica), splitOff, nowMs);
        if (scope == null) {
            return;
        }
        long started = System.nanoTime();
        CompactionPass pass = new CompactionPass(paced(replica.compaction().source()), lastOffsets());
        try {
            replica.compaction().run(scope, pass);
            LOG.info(
                    "{}: {} records below offset {} were superseded, found in {} ms",
                    replica.group().group(),
                    pass.records(),
                    scope.to(),
                    (System.nanoTime() - started) / 1_000_000);
        } finally {
            removedRecords.mark(pass.records());
        }
    }

    private Source paced(Source source) {
        return (offset, untilOffset, bytesMax) -> {
            LogSlice slice = source.read(offset, untilOffset, bytesMax);
            rate.acquire(Math.max(1, slice.bytes().remaining()));
            return slice;
        };
    }

    /** First offset that some queue group of the topic has not settled. */
    private long unsettled(TopicRow topic, PartitionReplica replica) {
        List<Long> groups = state.image().groups().of(topic.getName()).stream()
                .map(GroupRow::getGroupId)
                .toList();
        return replica.queues().lane().views().lowestFloor(groups);
    }

    private LastOffsets lastOffsets() {
        LastOffsets made = last;
        if (made == null) {
            made = new LastOffsets(config.compactionBytesMax());
            last = made;
        }
        return made;
    }

    private void rewrite(PartitionReplica replica) throws IOException {
        while (!closed && replica.compaction().hasRemoved()) {
            long before = System.currentTimeMillis() - config.compactionLag().toMillis();
            long freed = replica.compaction().rewrite(before, () -> {
                rate.acquire(PIECE_BYTES);
                return closed;
            });
            if (freed < 0) {
                return;
            }
            freedBytes.mark(freed);
        }
    }

    /** What is under way ends by itself; an interrupt would close the file that is being read. */
    @Override
    public void close() {
        closed = true;
        synchronized (lock) {
            lock.notifyAll();
        }
    }
}
