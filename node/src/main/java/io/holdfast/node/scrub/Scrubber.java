package io.holdfast.node.scrub;

import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.partition.ReplicaLog.Checked;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.NodeIdentity;
import io.holdfast.storage.log.DamagedLogException;
import java.io.Closeable;
import java.io.IOException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads all batches of all replicas of this node and compares them with their checksums: slowly and every few days by
 * itself, at once and as fast as it goes when somebody asks. Damage is reported as that found by any read, and repaired
 * by the controller. One thread of its own; the methods may be called by any.
 *
 * <p>What is in memory is not read from the disk: a bad byte under it is found in a later round.
 */
public final class Scrubber implements Closeable {
    private static final Logger LOG = LoggerFactory.getLogger(Scrubber.class);
    private static final int PIECE_BYTES = 1 << 20;
    private static final long LOOK_MS = 60_000;

    private final ClusterState state;
    private final NodeIdentity identity;
    private final Duration interval;
    private final long bytesPerSecond;
    private final Object lock = new Object();
    // Guarded by lock.
    private boolean asked;
    private boolean closed;
    private Status status = new Status(false, 0, 0, 0, Map.of());

    /**
     * The round that is under way, or the last one.
     *
     * @param bytesTotal to be read, as it was at the beginning
     * @param finishedMs when the last whole round was over, 0 if there was none
     * @param damaged what was found in it
     */
    public record Status(
            boolean running, long bytesChecked, long bytesTotal, long finishedMs, Map<GroupId, String> damaged) {}

    /**
     * @param interval between the end of a round and the next; zero: only when asked
     * @param bytesPerSecond of a round that nobody asked for
     */
    public Scrubber(ClusterState state, NodeIdentity identity, Duration interval, long bytesPerSecond)
            throws IOException {
        this.state = state;
        this.identity = identity;
        this.interval = interval;
        this.bytesPerSecond = bytesPerSecond;
        this.status = new Status(false, 0, 0, identity.scrubbedMs(), Map.of());
        Thread thread = new Thread(this::run, "scrub");
        thread.setDaemon(true);
        thread.start();
    }

    public Status status() {
        synchronized (lock) {
            return status;
        }
    }

    /** Begins a round, or hurries the one that is under way. */
    public void start() {
        synchronized (lock) {
            asked = true;
            if (!status.running) {
                status = new Status(true, 0, 0, status.finishedMs, Map.of());
            }
            lock.notifyAll();
        }
    }

    private void run() {
        try {
            while (awaitNext()) {
                round();
            }
        } catch (InterruptedException e) {
            LOG.debug("stopping");
        }
    }

    private boolean awaitNext() throws InterruptedException {
        synchronized (lock) {
            while (!closed && !asked && !isDue()) {
                lock.wait(LOOK_MS);
            }
            return !closed;
        }
    }

    private boolean isDue() {
        return !interval.isZero() && System.currentTimeMillis() - status.finishedMs > interval.toMillis();
    }

    private void round() throws InterruptedException {
        Map<GroupId, PartitionReplica> replicas = Map.copyOf(state.replicas());
        long total = replicas.values().stream()
                .mapToLong(replica -> replica.log().bytesOnDisk())
                .sum();
        Map<GroupId, String> damaged = new LinkedHashMap<>();
        long checked = 0;
        for (Map.Entry<GroupId, PartitionReplica> one : replicas.entrySet()) {
            long before = checked;
            long offset = 0;
            try {
                Checked piece = one.getValue().log().check(offset, PIECE_BYTES);
                while (piece.bytes() > 0) {
                    checked += piece.bytes();
                    offset = piece.nextOffset();
                    progress(checked, total, damaged);
                    pace(piece.bytes());
                    piece = one.getValue().log().check(offset, PIECE_BYTES);
                }
            } catch (DamagedLogException e) {
                LOG.error("{} is damaged: {}", one.getKey(), e.getMessage());
                damaged.put(one.getKey(), String.valueOf(e.getMessage()));
            } catch (IOException e) {
                LOG.info("{} was not read to its end: {}", one.getKey(), e.getMessage());
            }
            LOG.debug("{}: {} bytes are as they should be", one.getKey(), checked - before);
        }
        finish(checked, damaged);
    }

    private void progress(long checked, long total, Map<GroupId, String> damaged) {
        synchronized (lock) {
            status = new Status(true, checked, Math.max(total, checked), status.finishedMs, Map.copyOf(damaged));
        }
    }

    private void pace(int bytes) throws InterruptedException {
        synchronized (lock) {
            long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(1) * bytes / Math.max(1, bytesPerSecond);
            long left = until - System.nanoTime();
            while (!closed && !asked && left > 0) {
                lock.wait(left / 1_000_000, (int) (left % 1_000_000));
                left = until - System.nanoTime();
            }
            if (closed) {
                throw new InterruptedException("closed");
            }
        }
    }

    private void finish(long checked, Map<GroupId, String> damaged) {
        long now = System.currentTimeMillis();
        try {
            identity.storeScrubbed(now);
        } catch (IOException e) {
            LOG.warn("the end of the round cannot be noted: {}", e.getMessage());
        }
        LOG.info("{} bytes were read and compared, {} replicas are damaged", checked, damaged.size());
        synchronized (lock) {
            asked = false;
            status = new Status(false, checked, checked, now, Map.copyOf(damaged));
        }
    }

    /** What is being read is read to its end; an interrupt would close the file under everybody else. */
    @Override
    public void close() {
        synchronized (lock) {
            closed = true;
            lock.notifyAll();
        }
    }
}
