package io.holdfast.consensus.partition;

import io.holdfast.consensus.Causes;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.compaction.CompactionPass;
import io.holdfast.internal.v1.CompactCommand;
import io.holdfast.internal.v1.CompactionState;
import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/** Compaction of a replica: of what its group keeps, if it leads, and of its own files. Any thread; it blocks. */
public final class ReplicaCompaction {
    private static final long ENTRY_SECONDS_MAX = 30;

    private final PartitionReplica replica;

    ReplicaCompaction(PartitionReplica replica) {
        this.replica = replica;
    }

    /** How far the partition is compacted. */
    public CompactionState state() {
        return replica.ask(open -> open.ask(PartitionState::compaction), RestingLog::compaction);
    }

    /** Bytes of the batches from this offset on. */
    public long bytesFrom(long offset) {
        return replica.ask(open -> open.log().bytesFrom(offset), atRest -> atRest.bytesFrom(offset));
    }

    /** When the first record from this offset on was appended; the most there is if there is none. */
    public long appendedMs(long offset) throws IOException {
        var batches = replica.log().look(offset, replica.highWatermark(), 1).batches();
        return batches.isEmpty() ? Long.MAX_VALUE : batches.get(0).appendMs();
    }

    /**
     * Lets superseded records go, on all replicas.
     *
     * @throws IOException if it came to no end: what has gone has gone, and the next pass goes on
     */
    public void run(CompactionPass.Scope scope, CompactionPass pass) throws IOException, InterruptedException {
        pass.run(scope, this::write);
    }

    /** A pass over this replica's records. */
    public CompactionPass.Source source() {
        return replica.log()::look;
    }

    private void write(CompactCommand command) throws IOException, InterruptedException {
        try {
            replica.awake()
                    .thenCompose(ok -> replica.propose(one -> one.setCompact(command)))
                    .get(ENTRY_SECONDS_MAX, TimeUnit.SECONDS);
        } catch (ExecutionException e) {
            Throwable cause = Causes.of(e);
            throw new IOException("the entry was not written: " + cause.getMessage(), cause);
        } catch (TimeoutException e) {
            throw new IOException("the entry was not written in " + ENTRY_SECONDS_MAX + " s", e);
        }
    }

    /** Whether it is open, and its files hold bytes of records that have gone. */
    public boolean hasRemoved() {
        return replica.ask(open -> open.log().hasRemoved(), atRest -> false);
    }

    /**
     * Writes some of the files of this replica anew, without what has gone; not while it is at rest.
     *
     * @param appendedBeforeMs later batches are left alone, for replicas that lag
     * @param stop asked before each piece of about 1 MiB, and may wait; true ends it
     * @return bytes that are free now; -1 if there was nothing to do, or it cannot be done now
     */
    public long rewrite(long appendedBeforeMs, BooleanSupplier stop) throws IOException {
        try {
            return replica.ask(open -> open.rewrite(appendedBeforeMs, stop), atRest -> -1L);
        } catch (Refusal e) {
            throw new IOException(e.message(), e);
        }
    }
}
