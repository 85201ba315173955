package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.config.NodeConfig.Limits;
import io.holdfast.storage.log.BatchEntry;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.storage.log.ReadMemory;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ReadConsistency;
import io.holdfast.v1.ReadFormat;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.Start;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/** Serves reads from the local replica, whoever leads. Nothing here blocks but for the local disk. */
final class Reads {
    private static final int RECORDS_DEFAULT = 10_000;
    private static final int BYTES_DEFAULT = 1 << 20;
    /** Of a slice's memory: its bytes, and frame headers between them. */
    private static final int SLICE_MEMORY_BYTES = BYTES_DEFAULT + (64 << 10);

    private final ClusterState state;
    private final Headers headers;
    private final Limits limits;
    private final NodeMetrics metrics;
    private final Executor executor;
    private final ScheduledExecutorService timer;
    private final SliceMemory sliceMemory =
            new SliceMemory(SLICE_MEMORY_BYTES, 2 * Runtime.getRuntime().availableProcessors());

    Reads(
            ClusterState state,
            Headers headers,
            Limits limits,
            NodeMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.state = state;
        this.headers = headers;
        this.limits = limits;
        this.metrics = metrics;
        this.executor = executor;
        this.timer = timer;
    }

    SliceMemory sliceMemory() {
        return sliceMemory;
    }

    /** The local replica of a partition, or a refusal that says where there is one. */
    PartitionReplica replica(GroupId group) {
        PartitionReplica replica = state.replica(group);
        if (replica == null || replica.damage() != null) {
            int leader = state.leader(group);
            boolean elsewhere = leader != 0 && leader != state.nodeId();
            if (replica != null && !elsewhere) {
                throw Refusal.of(
                        ErrorReason.ERROR_REASON_DATA_DAMAGED,
                        "ask another replica: this one withdrew: " + replica.damage());
            }
            throw Refusal.notLeader(
                    io.holdfast.v1.WriteOutcome.WRITE_OUTCOME_NOT_APPLIED,
                    elsewhere ? leader : 0,
                    elsewhere ? state.apiAddress(leader) : "");
        }
        return replica;
    }

    /** Completes when the replica is as fresh as the reader wants. */
    CompletableFuture<Void> fresh(PartitionReplica replica, ReadConsistency consistency, long deadline) {
        return switch (consistency.getModeCase()) {
            case ANY -> CompletableFuture.completedFuture(null);
            case SESSION_TOKEN -> {
                long seen = Headers.seen(
                        consistency.getSessionToken(), replica.group().group());
                yield seen == 0
                        ? CompletableFuture.completedFuture(null)
                        : seen(replica, seen - 1, deadline).thenAccept(there -> {
                            if (!there) {
                                throw tooStale(replica, "it has not seen offset " + (seen - 1) + " yet");
                            }
                        });
            }
            case MAX_STALENESS -> {
                var bound = consistency.getMaxStaleness();
                long nanos = TimeUnit.SECONDS.toNanos(bound.getSeconds()) + bound.getNanos();
                yield timely(replica.barrier(nanos), deadline)
                        .exceptionallyCompose(
                                e -> CompletableFuture.failedFuture(tooStale(replica, "it cannot reach the leader")));
            }
            default -> timely(replica.barrier(), deadline);
        };
    }

    private CompletableFuture<Boolean> seen(PartitionReplica replica, long offset, long deadline) {
        if (!replica.isOpen() && replica.highWatermark() <= offset) {
            replica.awake(); // the others have gone on without it
        }
        return readable(replica, offset, deadline);
    }

    private Refusal tooStale(PartitionReplica replica, String why) {
        int leader = replica.group().leaderNode();
        Map<String, String> facts = leader == 0
                ? Map.of()
                : Map.of("leader_node", Integer.toString(leader), "leader_address", state.apiAddress(leader));
        return Refusal.of(
                ErrorReason.ERROR_REASON_READ_TOO_STALE, "ask another replica, or allow more staleness: " + why, facts);
    }

    private CompletableFuture<Void> timely(CompletableFuture<Void> barrier, long deadline) {
        if (barrier.isDone()) {
            return barrier;
        }
        CompletableFuture<Void> result = new CompletableFuture<>();
        ScheduledFuture<?> late = timer.schedule(
                () -> result.completeExceptionally(Refusal.of(
                        ErrorReason.ERROR_REASON_UNAVAILABLE,
                        "try again in a moment: no leader confirmed the read in time")),
                Math.max(0, deadline - System.nanoTime()),
                TimeUnit.NANOSECONDS);
        barrier.whenComplete((ok, failure) -> {
            late.cancel(false);
            executor.execute(() -> {
                if (failure == null) {
                    result.complete(null);
                } else {
                    result.completeExceptionally(failure);
                }
            });
        });
        return result;
    }

    /** Completes, on the executor, with true when the offset can be read, with false when time is up. */
    CompletableFuture<Boolean> readable(PartitionReplica replica, long offset, long deadline) {
        if (replica.highWatermark() > offset) {
            return CompletableFuture.completedFuture(true);
        }
        long left = deadline - System.nanoTime();
        if (left <= 0) {
            return CompletableFuture.completedFuture(false);
        }
        CompletableFuture<Boolean> result = new CompletableFuture<>();
        AtomicBoolean done = new AtomicBoolean();
        Runnable[] stopWaiting = {() -> {}};
        ScheduledFuture<?> timeout = timer.schedule(
                () -> {
                    if (done.compareAndSet(false, true)) {
                        stopWaiting[0].run();
                        executor.execute(() -> result.complete(replica.highWatermark() > offset));
                    }
                },
                left,
                TimeUnit.NANOSECONDS);
        stopWaiting[0] = replica.whenReadable(offset, () -> {
            if (done.compareAndSet(false, true)) {
                timeout.cancel(false);
                executor.execute(() -> result.complete(true));
            }
        });
        return result;
    }

    /** Where a read starts, as an offset. */
    long startOffset(PartitionReplica replica, Start start) {
        if (start.hasOffset() && start.getOffset() < 0) {
            throw Refusal.of(
                    ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE,
                    "start between " + replica.log().startOffset() + " and " + replica.highWatermark() + ": offset "
                            + Long.toUnsignedString(start.getOffset()) + " is not in the log");
        }
        return replica.log().offsetOf(start);
    }

    /** One unary read: freshness, position, maybe a wait, then whatever is there. */
    CompletableFuture<ReadResponse> read(GroupId group, ReadRequest request, long deadline) {
        PartitionReplica replica = replica(group);
        return fresh(replica, request.getConsistency(), deadline).thenCompose(ok -> {
            long offset = startOffset(replica, request.getStart());
            long waitNanos = TimeUnit.SECONDS.toNanos(request.getWait().getSeconds())
                    + request.getWait().getNanos();
            long until = request.hasUntilOffset() ? request.getUntilOffset() : Long.MAX_VALUE;
            if (waitNanos <= 0 || offset >= until) {
                return CompletableFuture.completedFuture(slice(group, replica, request, offset));
            }
            if (offset > replica.highWatermark()) {
                return CompletableFuture.completedFuture(
                        slice(group, replica, request, offset)); // out of range, says it
            }
            // Answer a little before the caller gives up.
            long wakeAt = Math.min(System.nanoTime() + waitNanos, deadline - TimeUnit.MILLISECONDS.toNanos(20));
            return readable(replica, offset, wakeAt).thenApply(there -> slice(group, replica, request, offset));
        });
    }

    /** Reads what is there now, within the bounds of the request. */
    ReadResponse slice(GroupId group, PartitionReplica replica, ReadRequest request, long offset) {
        return slice(group, replica, request, offset, ReadMemory.FRESH);
    }

    /** @param memory that the response's batches may be in */
    ReadResponse slice(GroupId group, PartitionReplica replica, ReadRequest request, long offset, ReadMemory memory) {
        long until = request.hasUntilOffset() ? request.getUntilOffset() : Long.MAX_VALUE;
        int bytesMax = (int)
                Math.min(limits.readBytesMax(), request.getMaxBytes() <= 0 ? BYTES_DEFAULT : request.getMaxBytes());
        LogSlice slice = replica.log().read(offset, until, bytesMax, memory);
        ReadResponse.Builder response = ReadResponse.newBuilder();
        long next = offset;
        if (request.getFormat() == ReadFormat.READ_FORMAT_BATCHES) {
            response.setBatches(UnsafeByteOperations.unsafeWrap(slice.bytes()));
            for (BatchEntry entry : slice.batches()) {
                response.addBatchAppendTimes(entry.appendMs());
            }
            next = Math.max(next, Math.min(until, slice.nextOffset()));
        } else {
            int recordsMax = request.getMaxRecords() <= 0 ? RECORDS_DEFAULT : request.getMaxRecords();
            Records.Decoded decoded = Records.decode(slice, group.partition(), offset, until, recordsMax);
            response.addAllRecords(decoded.records());
            next = decoded.nextOffset();
        }
        metrics.readBytes.mark(slice.bytes().remaining());
        long highWatermark = replica.highWatermark();
        ByteString token = request.getConsistency().hasSessionToken()
                ? request.getConsistency().getSessionToken()
                : ByteString.EMPTY;
        return response.setNextOffset(next)
                .setHighWatermark(highWatermark)
                .setLogStartOffset(replica.log().startOffset())
                .setHeader(headers.header()
                        .setTerm(replica.group().term())
                        .setSessionToken(Headers.token(token, group, next)))
                .build();
    }
}
