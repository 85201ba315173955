package io.holdfast.node.service;

import io.holdfast.consensus.ProducerIdSpace;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.AppendResult;
import io.holdfast.consensus.partition.BatchAppend;
import io.holdfast.consensus.partition.BatchAppend.Terms;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.cluster.TopicPlan;
import io.holdfast.node.config.NodeConfig.Limits;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.Sequence;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/** Checks batches and gives them to the local replica. Whatever is wrong with a request is found here, before Raft. */
public final class Appends {
    private static final int EPOCH_MAX = 0xFFFF_FFFF;

    private final ClusterState state;
    private final Limits limits;
    private final NodeMetrics metrics;
    private final BooleanSupplier diskFull;
    private volatile boolean draining;

    Appends(ClusterState state, Limits limits, NodeMetrics metrics, BooleanSupplier diskFull) {
        this.state = state;
        this.limits = limits;
        this.metrics = metrics;
        this.diskFull = diskFull;
    }

    /** From now on new writes are sent elsewhere. */
    void drain() {
        draining = true;
    }

    public Limits limits() {
        return limits;
    }

    /** Stores a batch in a partition that this node leads; completes with a {@link Refusal} if it does not. */
    CompletableFuture<AppendResult> append(GroupId group, ByteBuffer bytes, @Nullable Sequence sequence, Terms terms) {
        if (sequence != null && sequence.getProducerId() >= ProducerIdSpace.DEAD_LETTERS_FROM) {
            return CompletableFuture.failedFuture(Refusal.invalid(
                    "open a producer: ids from " + ProducerIdSpace.DEAD_LETTERS_FROM + " on are not handed out"));
        }
        return store(group, bytes, sequence, terms);
    }

    /** As {@link #append}, for producers that are nodes themselves. */
    public CompletableFuture<AppendResult> appendOwn(GroupId group, ByteBuffer bytes, Sequence sequence) {
        return store(group, bytes, sequence, Terms.NONE);
    }

    private CompletableFuture<AppendResult> store(
            GroupId group, ByteBuffer bytes, @Nullable Sequence sequence, Terms terms) {
        long started = System.nanoTime();
        CompletableFuture<AppendResult> result;
        try {
            PartitionReplica replica = leader(group);
            if (terms.dueMs() != null && replica.schedule().bytes() >= limits.scheduledBytesMax()) {
                throw Refusal.later(
                        ErrorReason.ERROR_REASON_TOPIC_FULL,
                        "wait until some are due, or cancel some: the partition keeps as many bytes for later as it may",
                        Duration.ofSeconds(1));
            }
            RecordBatch batch = check(bytes);
            result = replica.append(new BatchAppend(bytes, checkSequence(batch, sequence), terms));
        } catch (Refusal e) {
            result = CompletableFuture.failedFuture(e);
        }
        int size = bytes.remaining();
        result.whenComplete((stored, failure) -> {
            if (failure == null) {
                metrics.appendBytes.mark(size);
                metrics.appendLatency.update(System.nanoTime() - started, TimeUnit.NANOSECONDS);
            } else {
                metrics.refused(Errors.refusal(failure).reason());
            }
        });
        return result;
    }

    /** Puts batches back into a partition that this node leads; completes with where it ends then. */
    CompletableFuture<Long> restore(
            GroupId group, @Nullable Long skipFrom, long firstOffset, long appendMs, List<ByteBuffer> batches) {
        boolean complete = skipFrom == null;
        for (ByteBuffer bytes : batches) {
            RecordBatch batch = checkStored(bytes);
            complete &= batch.recordCount() == batch.offsetCount();
        }
        if (!complete) {
            TopicPlan.checkCompaction(state.image());
        }
        return leader(group).restore(skipFrom, firstOffset, appendMs, batches);
    }

    /** Makes a partition that this node leads start at a later offset; completes with where it starts now. */
    CompletableFuture<Long> trim(GroupId group, long beforeOffset) {
        return leaderReplica(group).trim(beforeOffset);
    }

    /** The local replica, if it leads and there is room to write. */
    PartitionReplica leader(GroupId group) {
        PartitionReplica replica = leaderReplica(group);
        if (diskFull.getAsBoolean()) {
            throw Refusal.later(
                    ErrorReason.ERROR_REASON_DISK_FULL,
                    "free space on node " + state.nodeId() + ", or trim or delete topics: its disk is nearly full",
                    Duration.ofSeconds(1));
        }
        return replica;
    }

    /** The local replica, if it leads or will as soon as it is asked to. */
    public PartitionReplica leaderReplica(GroupId group) {
        PartitionReplica replica = state.replica(group);
        int leader = state.leader(group);
        if (draining || replica == null || !(replica.group().isLeader() || willLead(replica, leader))) {
            if (replica != null && replica.damage() != null && !replica.isSettled()) {
                replica.awake(); // it cannot, but so the others hear of it
            }
            boolean here = leader == state.nodeId();
            throw Refusal.notLeader(
                    WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, here ? 0 : leader, here ? "" : state.apiAddress(leader));
        }
        return replica;
    }

    /** At rest, or just woken, and the one that should lead: it takes the write and wakes the group. */
    private boolean willLead(PartitionReplica replica, int leader) {
        return leader == state.nodeId() && !replica.isSettled() && replica.damage() == null;
    }

    /** A batch as it may be appended. */
    RecordBatch check(ByteBuffer bytes) {
        RecordBatch batch = checkStored(bytes);
        try {
            batch.verifyComplete();
        } catch (InvalidBatchException e) {
            throw encodeAgain(e);
        }
        return batch;
    }

    /** A batch as a log may hold it: some of its records may have gone. */
    private RecordBatch checkStored(ByteBuffer bytes) {
        if (bytes.remaining() > limits.batchBytesMax()) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_RECORD_TOO_LARGE,
                    "send smaller batches: this one has " + bytes.remaining() + " bytes, the limit is "
                            + limits.batchBytesMax());
        }
        RecordBatch batch = new RecordBatch(bytes);
        try {
            batch.verify();
        } catch (InvalidBatchException e) {
            throw encodeAgain(e);
        }
        return batch;
    }

    private static Refusal encodeAgain(InvalidBatchException e) {
        return Refusal.of(ErrorReason.ERROR_REASON_INVALID_BATCH, "encode the batch again: " + e.getMessage());
    }

    private static BatchAppend.@Nullable Sequence checkSequence(RecordBatch batch, @Nullable Sequence sequence) {
        if (sequence == null || sequence.getProducerId() == 0) {
            return null;
        }
        boolean agrees = batch.producerId() == RecordBatch.NO_PRODUCER
                || (batch.producerId() == sequence.getProducerId()
                        && batch.producerEpoch() == RecordBatchBuilder.headerEpoch(sequence.getEpoch())
                        && batch.baseSequence() == RecordBatchBuilder.headerSequence(sequence.getFirstSequence()));
        if (!agrees
                || sequence.getFirstSequence() < 0
                || sequence.getProducerId() < 0
                || sequence.getEpoch() == EPOCH_MAX) {
            throw Refusal.invalid("make the producer fields of batch and request agree: producer " + batch.producerId()
                    + ", sequence "
                    + batch.baseSequence() + " in the batch, " + sequence.getProducerId() + ", "
                    + sequence.getFirstSequence() + " in the request");
        }
        return new BatchAppend.Sequence(sequence.getProducerId(), sequence.getEpoch(), sequence.getFirstSequence());
    }
}
