package io.holdfast.consensus.partition;

import com.google.protobuf.InvalidProtocolBufferException;
import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.consensus.raft.GroupListener;
import io.holdfast.consensus.raft.GroupMachine;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.consensus.raft.RaftLogFiles;
import io.holdfast.consensus.schedule.ScheduleTable;
import io.holdfast.internal.v1.AppendCommand;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.ProducerRow;
import io.holdfast.storage.log.DurableDirectory;
import io.holdfast.storage.log.ExpectedFrames;
import io.holdfast.storage.log.FrameId;
import io.holdfast.storage.log.LogCheckpoint;
import io.holdfast.storage.log.LogIdentity;
import io.holdfast.storage.log.LogSettings;
import io.holdfast.storage.log.PartitionLog;
import io.holdfast.storage.log.SegmentRewrite;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.BiConsumer;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.protocol.Message;
import org.apache.ratis.protocol.RaftClientRequest;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.statemachine.TransactionContext;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.jspecify.annotations.Nullable;

/**
 * The state machine of a partition: its log, and its {@link PartitionState state} beside it.
 *
 * <p>Payload bytes go from Raft straight into the log's segments ({@code write}, {@code read}, {@code truncate} of
 * Ratis' DataApi), once per replica; the Raft log keeps a header of some tens of bytes. {@code write} completes only
 * when the bytes are on disk, so a Raft entry never exists without them and {@code flush} has nothing left to do. Small
 * payloads may be in the command as well, hence in the Raft log, and {@code write} does not wait for them.
 */
final class PartitionMachine extends GroupMachine {
    private final PartitionPaths paths;
    private final LogIdentity identity;
    private final LogSettings logSettings;
    private final PayloadReaders payloadReaders;
    private final CheckpointRows rows;
    private final CheckpointSource source;
    private final CheckpointTransfers transfers = new CheckpointTransfers();
    private final HighWatermark highWatermark;
    private final PartitionState state;
    /** Held for writing while the log is being replaced by a copied one; nested inside the state lock. */
    private final ReadWriteLock replacing = new ReentrantReadWriteLock();

    private volatile @Nullable PartitionLog log;
    private String logFolder = PartitionPaths.FIRST_LOG_FOLDER;
    private boolean released;

    PartitionMachine(
            GroupId group,
            PartitionPaths paths,
            LogSettings logSettings,
            HighWatermark highWatermark,
            PayloadReaders payloadReaders,
            StateTables tables,
            CheckpointSource source,
            GroupListener listener,
            Executor installer) {
        super(group, listener, installer);
        this.paths = paths;
        this.identity = new LogIdentity(group.topicId(), group.partition());
        this.logSettings = logSettings;
        this.highWatermark = highWatermark;
        this.payloadReaders = payloadReaders;
        this.rows = new CheckpointRows(tables, group);
        this.state = new PartitionState(rows);
        this.source = source;
    }

    /** The open log. */
    PartitionLog log() {
        PartitionLog open = log;
        if (open == null) {
            throw new IllegalStateException(groupId() + " has no open log");
        }
        return open;
    }

    // ---- load, store

    @Override
    protected @Nullable TermIndex load() throws IOException {
        PartitionRows stored = rows.all();
        long appliedIndex = stored == null ? -1 : stored.checkpoint().getAppliedIndex();
        ExpectedFrames expected = expectedAfter(appliedIndex);
        if (stored == null) {
            log = open(PartitionPaths.FIRST_LOG_FOLDER, LogCheckpoint.EMPTY, expected);
            return null;
        }
        PartitionCheckpoint checkpoint = stored.checkpoint();
        restore(stored, open(checkpoint.getLogFolder(), CheckpointRows.toLog(checkpoint), expected));
        paths.deleteAllBut(logFolder);
        rows.deleteAllBut(state.rowsGeneration());
        return TermIndex.valueOf(checkpoint.getAppliedTerm(), checkpoint.getAppliedIndex());
    }

    private ExpectedFrames expectedAfter(long appliedIndex) throws IOException {
        List<FrameId> required = new ArrayList<>();
        List<FrameId> kept = new ArrayList<>();
        forEachAppendAfter(appliedIndex, (id, append) -> {
            if (!append.getPayload().isEmpty()) {
                kept.add(id);
            } else if (append.getBatchesList().stream().anyMatch(batch -> !batch.hasScheduled())) {
                required.add(id);
            }
        });
        return new ExpectedFrames(
                required,
                kept,
                (wanted, to) -> forEachAppendAfter(appliedIndex, (id, append) -> {
                    if (wanted.contains(id)) {
                        to.accept(id, append.getPayload().asReadOnlyByteBuffer());
                    }
                }));
    }

    private void forEachAppendAfter(long index, BiConsumer<FrameId, AppendCommand> to) throws IOException {
        List<IOException> damaged = new ArrayList<>();
        RaftLogFiles.forEachAfter(paths.raft(), index, entry -> {
            try {
                if (entry.hasStateMachineLogEntry()) {
                    PartitionCommand command = command(entry);
                    if (command.hasAppend()) {
                        to.accept(id(entry), command.getAppend());
                    }
                }
            } catch (IOException e) {
                damaged.add(e);
            }
        });
        if (!damaged.isEmpty()) {
            throw damaged.get(0);
        }
    }

    private void restore(PartitionRows stored, PartitionLog opened) {
        logFolder = stored.checkpoint().getLogFolder();
        log = opened;
        state.load(stored);
        highWatermark.set(opened.nextOffset());
    }

    private PartitionLog open(String folder, LogCheckpoint checkpoint, ExpectedFrames expected) throws IOException {
        return PartitionLog.open(paths.log(folder), identity, logSettings, checkpoint, expected);
    }

    @Override
    protected void store(TermIndex appliedUpTo) throws IOException {
        PartitionCheckpoint.Builder checkpoint = PartitionCheckpoint.newBuilder()
                .setAppliedIndex(appliedUpTo.getIndex())
                .setAppliedTerm(appliedUpTo.getTerm())
                .setLogFolder(logFolder);
        CheckpointRows.addLog(checkpoint, log().checkpoint());
        state.store(checkpoint);
        log().checkpointStored();
    }

    @Override
    protected boolean mayCheckpoint() {
        return transfers.isIdle();
    }

    // ---- Raft's DataApi: the write-once path

    @Override
    public TransactionContext startTransaction(RaftClientRequest request) {
        PartitionMessage message = (PartitionMessage) request.getMessage();
        TransactionContext.Builder builder = TransactionContext.newBuilder()
                .setStateMachine(this)
                .setClientRequest(request)
                .setStateMachineContext(message)
                .setLogData(message.getContent());
        if (!message.batches().isEmpty()) {
            builder.setStateMachineData(message.batches());
        }
        return builder.build();
    }

    @Override
    public TransactionContext preAppendTransaction(TransactionContext trx) {
        if (trx.getStateMachineContext() instanceof PartitionMessage message) {
            message.markAppended();
        }
        return trx;
    }

    @Override
    public CompletableFuture<?> write(LogEntryProto entry, @Nullable TransactionContext context) {
        ByteString data = entry.getStateMachineLogEntry().getStateMachineEntry().getStateMachineData();
        replacing.readLock().lock();
        try {
            return data.equals(PartitionMessage.IN_COMMAND)
                    ? log().writeBehind(
                                    id(entry),
                                    command(entry).getAppend().getPayload().asReadOnlyByteBuffer())
                    : log().write(id(entry), RaftBytes.buffer(data));
        } catch (InvalidProtocolBufferException e) {
            return CompletableFuture.failedFuture(e);
        } finally {
            replacing.readLock().unlock();
        }
    }

    @Override
    public CompletableFuture<ByteString> read(LogEntryProto entry, @Nullable TransactionContext context) {
        try {
            if (!command(entry).getAppend().getPayload().isEmpty()) {
                return CompletableFuture.completedFuture(PartitionMessage.IN_COMMAND);
            }
        } catch (InvalidProtocolBufferException e) {
            return CompletableFuture.failedFuture(e);
        }
        FrameId id = id(entry);
        ByteBuffer payload = log().payloadInMemory(id);
        if (payload != null) {
            return CompletableFuture.completedFuture(RaftBytes.of(payload));
        }
        // Ratis interrupts the threads that call this when a leader steps down.
        CompletableFuture<ByteString> result = new CompletableFuture<>();
        payloadReaders.execute(() -> {
            replacing.readLock().lock();
            try {
                result.complete(RaftBytes.of(log().readPayload(id)));
            } catch (IOException | RuntimeException e) {
                result.completeExceptionally(e);
            } finally {
                replacing.readLock().unlock();
            }
        });
        return result;
    }

    @Override
    public CompletableFuture<Void> flush(long index) {
        return CompletableFuture.completedFuture(null);
    }

    @Override
    public CompletableFuture<Void> truncate(long index) {
        replacing.readLock().lock();
        try {
            log().truncate(index);
        } finally {
            replacing.readLock().unlock();
        }
        return CompletableFuture.completedFuture(null);
    }

    private static FrameId id(LogEntryProto entry) {
        return new FrameId(entry.getIndex(), entry.getTerm());
    }

    // ---- apply

    private static PartitionCommand command(LogEntryProto entry) throws InvalidProtocolBufferException {
        return PartitionCommand.parseFrom(
                RaftBytes.buffer(entry.getStateMachineLogEntry().getLogData()));
    }

    @Override
    protected Message apply(FrameOfEntry frame, LogEntryProto entry) throws IOException {
        PartitionReply reply = state.apply(command(entry), new FrameId(frame.index(), frame.term()), log());
        return Message.valueOf(RaftBytes.of(reply));
    }

    @Override
    protected void applied() {
        highWatermark.advance(log().nextOffset());
    }

    /** Asks the state a short question. */
    <T> T ask(PartitionState.Question<T> question) throws IOException {
        synchronized (stateLock()) {
            return question.of(state);
        }
    }

    /** What is known of a producer; null for nothing. */
    @Nullable
    ProducerRow producer(long producerId) {
        synchronized (stateLock()) {
            return state.producers().row(producerId);
        }
    }

    /** What is kept for later, for those of its questions that any thread may ask. */
    ScheduleTable schedule() {
        return state.schedule();
    }

    // ---- compaction

    @Override
    public boolean hasPayloads() {
        return log().nextOffset() > 0;
    }

    @Override
    public long payloadsFrom() {
        return log().payloadsFrom();
    }

    /**
     * Writes some segments anew, without the bytes of records that have gone; blocks.
     *
     * @param appendedBeforeMs later batches are left alone
     * @param stop asked before each piece of about 1 MiB, and may wait; true ends it
     * @return bytes that are free now; -1 if there was nothing to do, or it cannot be done now
     * @throws IOException and nothing has changed; also if the replica was closed meanwhile
     */
    long rewrite(long appendedBeforeMs, BooleanSupplier stop) throws IOException {
        PartitionLog before;
        SegmentRewrite rewrite;
        synchronized (stateLock()) {
            if (isBusy()) {
                return -1;
            }
            before = log();
            rewrite = before.rewrite(getLastAppliedTermIndex().getIndex(), appendedBeforeMs);
        }
        if (rewrite == null) {
            return -1;
        }
        boolean taken = false;
        try {
            boolean done = rewrite.run(stop);
            synchronized (stateLock()) {
                taken = done && !isBusy() && before == log() && before.replace(rewrite);
                if (taken) {
                    checkpointAnew();
                }
            }
        } finally {
            if (!taken) {
                rewrite.discard();
            }
        }
        return taken ? rewrite.bytesBefore() - rewrite.bytesAfter() : -1;
    }

    /** A checkpoint on its way needs the frames that come after it for as long as the receiver is catching up. */
    private boolean isBusy() {
        return released || damage() != null || !transfers.isIdle();
    }

    // ---- catching up by a checkpoint of another replica

    /** Sends this replica's last checkpoint; blocks. */
    void sendCheckpoint(long minIndex, Consumer<FetchCheckpointResponse> part) throws IOException {
        CheckpointTransfers.Outgoing outgoing;
        synchronized (stateLock()) {
            ensureCheckpoint(minIndex); // a young group may have none yet
            PartitionRows stored = rows.all();
            if (stored == null) {
                throw new IOException(groupId() + " has lost its checkpoint");
            }
            outgoing = transfers.open(stored, log(), rows);
        }
        try (outgoing) {
            outgoing.send(part);
        }
    }

    @Override
    protected Object fetch(int leaderNode, long minIndex) throws IOException {
        long generation = rowsGeneration();
        whileOpen(() -> {
            paths.emptyCopyFolder();
            rows.deleteAllBut(generation);
        });
        CheckpointTransfers.Incoming incoming = new CheckpointTransfers.Incoming(paths.copyFolder(), rows);
        try (incoming) {
            source.fetch(leaderNode, groupId(), minIndex, part -> {
                try {
                    whileOpen(() -> incoming.take(part));
                } catch (IOException e) {
                    throw new UncheckedIOException(e);
                }
            });
            incoming.finish();
        }
        return incoming;
    }

    @Override
    protected TermIndex endOf(Object fetched) {
        PartitionCheckpoint checkpoint =
                ((CheckpointTransfers.Incoming) fetched).rows().checkpoint();
        return TermIndex.valueOf(checkpoint.getAppliedTerm(), checkpoint.getAppliedIndex());
    }

    /**
     * Entries that the copied checkpoint does not hold may be in this replica's Raft log already: their frames move to
     * the new folder before the checkpoint that names it is stored, so that whatever is in force has all it needs.
     */
    @Override
    protected TermIndex adopt(Object fetched) throws IOException {
        PartitionRows received = ((CheckpointTransfers.Incoming) fetched).rows();
        long index = received.checkpoint().getAppliedIndex();
        String folder = PartitionPaths.logFolder(index);
        PartitionRows adopted = received.adopted(folder, index);
        PartitionCheckpoint checkpoint = adopted.checkpoint();
        replacing.writeLock().lock();
        try {
            PartitionLog old = log();
            old.flush();
            paths.moveCopyTo(folder);
            DurableDirectory.force(paths.root());
            PartitionLog fresh = open(folder, CheckpointRows.toLog(checkpoint), ExpectedFrames.NONE);
            moveFrames(old, fresh, index);
            rows.replace(adopted);
            restore(adopted, fresh);
            old.close();
        } finally {
            replacing.writeLock().unlock();
        }
        paths.deleteAllBut(folder);
        rows.deleteAllBut(index);
        return TermIndex.valueOf(checkpoint.getAppliedTerm(), index);
    }

    private long rowsGeneration() {
        synchronized (stateLock()) {
            return state.rowsGeneration();
        }
    }

    private static void moveFrames(PartitionLog from, PartitionLog to, long afterIndex) throws IOException {
        List<CompletableFuture<Void>> written = new ArrayList<>();
        for (FrameId id : from.pendingAfter(afterIndex)) {
            written.add(to.write(id, from.readPayload(id)));
        }
        try {
            written.forEach(CompletableFuture::join);
        } catch (CompletionException e) {
            throw new IOException("frames could not be moved", e.getCause());
        }
    }

    @Override
    protected void release() throws IOException {
        released = true;
        PartitionLog open = log;
        if (open != null) {
            open.close();
        }
    }
}
