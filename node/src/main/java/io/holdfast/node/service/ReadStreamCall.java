package io.holdfast.node.service;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.partition.PartitionReplica;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.record.RecordBatch;
import io.holdfast.v1.Credit;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.ReadStreamRequest;
import io.holdfast.v1.ReadStreamResponse;
import java.nio.ByteBuffer;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/**
 * One ReadStream. Sends while three things hold: there are records, the client has given credit, and gRPC can take more
 * without buffering more than a slice or two. What is missing wakes it up again; so a client that reads nothing costs no
 * more than that.
 *
 * <p>Steps run on the executor, one at a time per stream.
 */
final class ReadStreamCall implements StreamObserver<ReadStreamRequest> {
    private static final long OPEN_TIMEOUT_SECONDS = 5;
    private static final long SIGN_OF_LIFE_SECONDS = 5;
    /** Slices sent in one step, before others get their turn on the thread. */
    private static final int SLICES_PER_STEP = 8;

    private static final int SLICE_BYTES = 1 << 20;
    /** While no more than this waits for the socket, the next slice is read beside. */
    private static final int READY_BYTES = 512 << 10;

    private final ServerCallStreamObserver<ReadStreamResponse> to;
    private final ClusterState state;
    private final Reads reads;
    private final NodeMetrics metrics;
    private final Executor executor;
    private final ScheduledExecutorService timer;
    private final AtomicBoolean stepQueued = new AtomicBoolean();
    private final AtomicBoolean waiting = new AtomicBoolean();

    private volatile boolean closed;
    private volatile @Nullable Open open;
    private volatile boolean opening;
    private volatile Runnable stopWaiting = () -> {};
    private long recordCredit;
    private long byteCredit;

    private static final class Open {
        final GroupId group;
        final PartitionReplica replica;
        final ReadRequest request;
        long offset;

        Open(GroupId group, PartitionReplica replica, ReadRequest request, long offset) {
            this.group = group;
            this.replica = replica;
            this.request = request;
            this.offset = offset;
        }

        long until() {
            return request.hasUntilOffset() ? request.getUntilOffset() : Long.MAX_VALUE;
        }
    }

    ReadStreamCall(
            ServerCallStreamObserver<ReadStreamResponse> to,
            ClusterState state,
            Reads reads,
            NodeMetrics metrics,
            Executor executor,
            ScheduledExecutorService timer) {
        this.to = to;
        this.state = state;
        this.reads = reads;
        this.metrics = metrics;
        this.executor = executor;
        this.timer = timer;
        metrics.readStreams.inc();
        to.setOnReadyThreshold(READY_BYTES);
        to.setOnReadyHandler(this::wake);
        to.setOnCancelHandler(this::close);
        scheduleSignOfLife();
    }

    @Override
    public void onNext(ReadStreamRequest request) {
        try {
            switch (request.getRequestCase()) {
                case OPEN -> open(request.getOpen());
                case CREDIT -> credit(request.getCredit());
                default -> throw Refusal.invalid("send open or credit");
            }
        } catch (Refusal e) {
            fail(e);
        }
    }

    private void open(ReadRequest request) {
        if (open != null || opening) {
            throw Refusal.invalid("open a stream once: use another one for another read");
        }
        opening = true;
        GroupId group = state.group(
                request.getPartition().getTopic(), request.getPartition().getPartition());
        PartitionReplica replica = reads.replica(group);
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(OPEN_TIMEOUT_SECONDS);
        reads.fresh(replica, request.getConsistency(), deadline).whenComplete((ok, failure) -> {
            if (failure != null) {
                fail(failure);
                return;
            }
            try {
                open = new Open(group, replica, request, reads.startOffset(replica, request.getStart()));
                wake();
            } catch (Refusal e) {
                fail(e);
            }
        });
    }

    private void credit(Credit credit) {
        synchronized (this) {
            recordCredit += Integer.toUnsignedLong(credit.getRecords());
            byteCredit += Math.max(0, credit.getBytes());
        }
        wake();
    }

    private void wake() {
        if (!closed && stepQueued.compareAndSet(false, true)) {
            executor.execute(() -> {
                stepQueued.set(false);
                step();
            });
        }
    }

    private synchronized void step() {
        Open read = open;
        if (read == null || closed) {
            return;
        }
        try {
            for (int i = 0; i < SLICES_PER_STEP; i++) {
                if (read.offset >= read.until()) {
                    close();
                    to.onCompleted();
                    return;
                }
                if (recordCredit <= 0 || byteCredit <= 0 || !to.isReady()) {
                    return; // credit or readiness will wake us
                }
                if (read.replica.damage() != null) {
                    reads.replica(read.group); // refuses
                }
                if (read.replica.highWatermark() <= read.offset) {
                    if (read.replica.highWatermark() < read.offset) {
                        reads.slice(read.group, read.replica, read.request, read.offset); // out of range, says it
                    }
                    waitForMore(read);
                    return;
                }
                sendSlice(read);
            }
            wake();
        } catch (RuntimeException e) {
            fail(e);
        }
    }

    private void waitForMore(Open read) {
        if (waiting.compareAndSet(false, true)) {
            stopWaiting = read.replica.whenReadable(read.offset, () -> {
                waiting.set(false);
                wake();
            });
        }
    }

    private void sendSlice(Open read) {
        long asked = read.request.getMaxBytes() <= 0 ? SLICE_BYTES : read.request.getMaxBytes();
        ReadRequest bounded = read.request.toBuilder()
                .setMaxBytes(Math.min(byteCredit, asked))
                .setMaxRecords((int) Math.min(recordCredit, Integer.MAX_VALUE))
                .build();
        try (SliceMemory.Lease memory = reads.sliceMemory().lease()) {
            ReadResponse response = reads.slice(read.group, read.replica, bounded, read.offset, memory);
            recordCredit -= records(response, read.offset);
            byteCredit -= Math.max(1, response.getSerializedSize());
            read.offset = response.getNextOffset();
            to.onNext(ReadStreamResponse.newBuilder().setResponse(response).build()); // encoded when this returns
        }
    }

    /** Not of batches more than were asked for, nor of offsets more than there are records. */
    private static long records(ReadResponse response, long from) {
        if (response.getBatches().isEmpty()) {
            return response.getRecordsCount();
        }
        long records = 0;
        ByteBuffer batches = response.getBatches().asReadOnlyByteBuffer();
        while (batches.hasRemaining()) {
            records += new RecordBatch(batches).recordCount();
            batches.position(batches.position() + RecordBatch.sizeAt(batches));
        }
        return Math.min(records, response.getNextOffset() - from);
    }

    private void scheduleSignOfLife() {
        timer.schedule(
                () -> {
                    if (!closed) {
                        executor.execute(this::signOfLife);
                        scheduleSignOfLife();
                    }
                },
                SIGN_OF_LIFE_SECONDS,
                TimeUnit.SECONDS);
    }

    /** An empty response at the end of the log, so that silence can be told from a dead connection. */
    private synchronized void signOfLife() {
        Open read = open;
        if (read != null && !closed && waiting.get() && to.isReady()) {
            to.onNext(ReadStreamResponse.newBuilder()
                    .setResponse(ReadResponse.newBuilder()
                            .setNextOffset(read.offset)
                            .setHighWatermark(read.replica.highWatermark())
                            .setLogStartOffset(read.replica.log().startOffset()))
                    .build());
        }
    }

    private synchronized void fail(Throwable failure) {
        if (!closed) {
            close();
            to.onError(Errors.status(failure));
        }
    }

    @Override
    public void onError(Throwable t) {
        close();
    }

    /** The client gives no more credit; it may still want what it has paid for. */
    @Override
    public void onCompleted() {
        wake();
    }

    private synchronized void close() {
        if (!closed) {
            closed = true;
            stopWaiting.run();
            metrics.readStreams.dec();
        }
    }
}
