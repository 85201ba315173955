package io.holdfast.client;

import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.StreamObserver;
import io.holdfast.record.InvalidBatchException;
import io.holdfast.record.RecordBatch;
import io.holdfast.v1.Credit;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ReadFormat;
import io.holdfast.v1.ReadRequest;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.ReadStreamRequest;
import io.holdfast.v1.Start;
import io.holdfast.v1.TopicPartition;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Reads one partition for somebody: opens a stream, opens another where it broke off, gives credit for what has
 * been taken. Callbacks come on gRPC's threads, one at a time per stream; the lock keeps a late one of an old stream out.
 */
final class PartitionStream {
    private static final int PLAIN_BYTES_MAX = 64 << 20;
    private static final int RECORD_CREDIT = Integer.MAX_VALUE;
    private static final long BACKOFF_MS_MIN = 10;
    private static final long BACKOFF_MS_MAX = 500;
    /** Nothing at all for this long, not even the sign of life that comes every 5 s. */
    private static final long SILENCE_NANOS_MAX = TimeUnit.SECONDS.toNanos(15);

    private final ReaderSettings settings;
    private final int partition;
    private final Connections connections;
    private final RoutingCache routes;
    private final ScheduledExecutorService timer;
    private final Sink sink;
    private final long untilOffset;
    private Start next;
    private long position = -1;
    private int attempts;
    private long heardNanos = System.nanoTime();
    private boolean ended;
    private Context.@Nullable CancellableContext context;
    private @Nullable StreamObserver<ReadStreamRequest> out;
    private int generation;

    PartitionStream(
            ReaderSettings settings,
            int partition,
            long untilOffset,
            Connections connections,
            RoutingCache routes,
            ScheduledExecutorService timer,
            Sink sink) {
        this.settings = settings;
        this.partition = partition;
        this.untilOffset = untilOffset;
        this.connections = connections;
        this.routes = routes;
        this.timer = timer;
        this.sink = sink;
        this.next = settings.from().start();
    }

    synchronized void connect() {
        if (ended) {
            return;
        }
        String address = choose();
        if (address == null) {
            attempts++;
            timer.schedule(this::connect, backoffMs(), TimeUnit.MILLISECONDS);
            return;
        }
        connections.retryNow(address);
        int mine = ++generation;
        heardNanos = System.nanoTime();
        Context.CancellableContext opened = Context.ROOT.withCancellation();
        context = opened;
        ResponseMemory memory = connections.responseMemory();
        StreamObserver<ResponseMemory.Received> in = new StreamObserver<>() {
            @Override
            public void onNext(ResponseMemory.Received received) {
                take(mine, received.response().getResponse());
                memory.giveBack(received);
            }

            @Override
            public void onError(Throwable t) {
                failed(mine, address, HoldfastException.of(t));
            }

            @Override
            public void onCompleted() {
                end(mine, null);
            }
        };
        opened.run(() -> out = ClientCalls.asyncBidiStreamingCall(
                connections.to(address).newCall(memory.method(), CallOptions.DEFAULT), in));
        ReadRequest.Builder open = ReadRequest.newBuilder()
                .setPartition(
                        TopicPartition.newBuilder().setTopic(settings.topic()).setPartition(partition))
                .setStart(next)
                .setConsistency(settings.mode().consistency())
                .setFormat(ReadFormat.READ_FORMAT_BATCHES);
        if (untilOffset != Long.MAX_VALUE) {
            open.setUntilOffset(untilOffset);
        }
        StreamObserver<ReadStreamRequest> to = out;
        if (to != null) {
            to.onNext(ReadStreamRequest.newBuilder().setOpen(open).build());
            to.onNext(credit(settings.bytesAheadMax(), RECORD_CREDIT));
        }
    }

    int partition() {
        return partition;
    }

    /** Offset of the record that comes next; -1 while nothing has come. */
    synchronized long position() {
        return position;
    }

    private @Nullable String choose() {
        if (settings.node() != null) {
            return settings.node();
        }
        if (settings.mode().needsLeader()) {
            return routes.target(settings.topic(), partition, attempts);
        }
        List<String> replicas = routes.replicas(settings.topic(), partition);
        return replicas.isEmpty() ? null : replicas.get(Math.floorMod(partition + 1 + attempts, replicas.size()));
    }

    private static ReadStreamRequest credit(long bytes, int records) {
        return ReadStreamRequest.newBuilder()
                .setCredit(Credit.newBuilder().setBytes(bytes).setRecords(records))
                .build();
    }

    /** A chunk of this stream is used up: room for as much again. */
    synchronized void used(Chunk chunk) {
        StreamObserver<ReadStreamRequest> to = out;
        if (!ended && to != null && chunk.generation() == generation) {
            to.onNext(credit(chunk.bytes(), chunk.records().size()));
        }
    }

    /** Who reads. Called on gRPC's threads: it must not block. */
    interface Sink {
        void offer(Chunk chunk);

        /** Nothing more will come; null if the end was reached. */
        void ended(PartitionStream from, @Nullable HoldfastException failure);

        /** Whether somebody waits for records right now. */
        boolean isWaiting();
    }

    /**
     * Records that came together, and what they cost in credit.
     *
     * @param nextOffset where the reader stands after them: records that follow may be gone
     */
    record Chunk(PartitionStream from, int generation, List<ReceivedRecord> records, long nextOffset, long bytes) {}

    private synchronized void take(int from, ReadResponse response) {
        if (from != generation || ended) {
            return;
        }
        heardNanos = System.nanoTime();
        attempts = 0;
        List<ReceivedRecord> records;
        try {
            records = decode(response);
        } catch (InvalidBatchException e) {
            end(
                    from,
                    HoldfastException.notApplied(
                            ErrorReason.ERROR_REASON_INVALID_BATCH, "a batch cannot be decoded: " + e.getMessage()));
            return;
        }
        position = response.getNextOffset();
        next = Start.newBuilder().setOffset(position).build();
        sink.offer(new Chunk(this, generation, records, position, response.getSerializedSize()));
    }

    private List<ReceivedRecord> decode(ReadResponse response) throws InvalidBatchException {
        List<ReceivedRecord> records = new ArrayList<>();
        ByteBuffer bytes = response.getBatches().asReadOnlyByteBuffer();
        // What the stream starts with may begin earlier than asked, and batches may overlap: take each offset once.
        long from = position >= 0 ? position : Math.max(next.getOffset(), response.getLogStartOffset());
        int ordinal = 0;
        while (bytes.hasRemaining()) {
            int size = RecordBatch.sizeAt(bytes);
            if (size < RecordBatch.HEADER_BYTES || size > bytes.remaining()) {
                throw new InvalidBatchException("a batch of " + size + " bytes in an answer of " + bytes.remaining());
            }
            RecordBatch batch = new RecordBatch(bytes.slice(bytes.position(), size));
            bytes.position(bytes.position() + size);
            batch.verify();
            long appendMs = response.getBatchAppendTimes(ordinal++);
            long first = Math.max(from, batch.baseOffset());
            batch.forEach(PLAIN_BYTES_MAX, (offsetDelta, record) -> {
                long offset = batch.baseOffset() + offsetDelta;
                if (offset >= first && offset < untilOffset) {
                    records.add(new ReceivedRecord(
                            settings.topic(),
                            partition,
                            offset,
                            record.timestampMs(),
                            appendMs,
                            record.key(),
                            record.value(),
                            record.headers()));
                }
            });
            from = Math.max(from, batch.baseOffset() + batch.offsetCount());
        }
        return records;
    }

    private synchronized void failed(int from, String address, HoldfastException failure) {
        if (from != generation || ended) {
            return;
        }
        boolean behind = failure.reason() == ErrorReason.ERROR_REASON_OFFSET_OUT_OF_RANGE
                && position >= 0
                && position
                        > Long.parseLong(failure.facts().getOrDefault("high_watermark", Long.toString(Long.MAX_VALUE)));
        if (!failure.isPassing() && !behind && !routes.knowBetter(settings.topic(), partition, failure)) {
            end(from, failure);
            return;
        }
        routes.doubt(settings.topic(), partition, address);
        routes.hint(settings.topic(), partition, failure);
        again();
    }

    private void again() {
        out = null;
        attempts++;
        generation++;
        timer.schedule(this::connect, backoffMs(), TimeUnit.MILLISECONDS);
    }

    private long backoffMs() {
        return Math.min(BACKOFF_MS_MAX, BACKOFF_MS_MIN << Math.min(attempts, 6));
    }

    /** Called now and then: replaces a stream that has gone silent. */
    synchronized void checkAlive() {
        if (!ended && out != null && System.nanoTime() - heardNanos > SILENCE_NANOS_MAX && sink.isWaiting()) {
            Context.CancellableContext open = context;
            again();
            if (open != null) {
                open.cancel(Status.UNAVAILABLE.withDescription("silent").asException());
            }
        }
    }

    private synchronized void end(int from, @Nullable HoldfastException failure) {
        if (from == generation && !ended) {
            ended = true;
            sink.ended(this, failure);
        }
    }

    synchronized void close() {
        ended = true;
        Context.CancellableContext open = context;
        if (open != null) {
            open.cancel(null);
        }
    }
}
