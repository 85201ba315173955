package io.holdfast.consensus.queue;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.storage.log.BatchEntry;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A partition whose log is a list of keys, one record each, and whose Raft is a queue that a test empties. */
final class FakePartition implements QueuePartition {
    final QueueTable table = new QueueTable();
    final List<String> keys = new ArrayList<>();
    final Deque<Runnable> proposed = new ArrayDeque<>();
    private final Deque<CompletableFuture<List<QueueResult>>> results = new ArrayDeque<>();
    final List<QueueCommand> commands = new ArrayList<>();
    private final List<Runnable> watchers = new ArrayList<>();
    boolean leads = true;
    /** Times that the lane had no more to propose. */
    int proceeded;

    /** Whether commands wait for {@link #applyNext}. */
    boolean slow;

    boolean appendsOften;

    long term = 1;

    /** Keys of records that go along with the next entry, whoever makes it. */
    final List<String> waiting = new ArrayList<>();

    /** Appends a record per key; an empty one for a record without. */
    void append(String... more) {
        keys.addAll(List.of(more));
        wakeWatchers();
    }

    /** Proposes an entry of what waits, and of what the lane has for it; false if it had nothing. */
    boolean proposeWaiting(QueueLane lane) {
        QueueLane.Along along = lane.along();
        CompletableFuture<List<QueueResult>> result =
                enter(along == null ? QueueCommand.getDefaultInstance() : along.command());
        if (along != null) {
            result.whenComplete((results, failure) -> along.fate().accept(results, failure));
        }
        return along != null;
    }

    /** What was proposed first is lost. */
    void failNext() {
        proposed.remove();
        results.remove().completeExceptionally(notLeader());
    }

    private void wakeWatchers() {
        List<Runnable> woken = new ArrayList<>(watchers);
        watchers.clear();
        woken.forEach(Runnable::run);
    }

    void applyNext() {
        proposed.remove().run();
    }

    @Override
    public GroupId group() {
        return GroupId.ofPartition(1, 0);
    }

    @Override
    public boolean leads() {
        return leads;
    }

    @Override
    public long term() {
        return term;
    }

    @Override
    public Refusal notLeader() {
        return Refusal.notLeader(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED, 0, "");
    }

    @Override
    public CompletableFuture<List<QueueResult>> propose(QueueCommand command) {
        return enter(command);
    }

    private CompletableFuture<List<QueueResult>> enter(QueueCommand command) {
        CompletableFuture<List<QueueResult>> result = new CompletableFuture<>();
        List<String> along = List.copyOf(waiting);
        waiting.clear();
        results.add(result);
        proposed.add(() -> {
            results.remove();
            commands.add(command);
            keys.addAll(along);
            List<QueueResult> applied = table.apply(command, 0, 0, keys.size());
            if (!along.isEmpty()) {
                wakeWatchers(); // as the high watermark does, after all of the entry
            }
            result.complete(applied);
        });
        if (!slow) {
            applyNext();
        }
        return result;
    }

    @Override
    public void proceed() {
        proceeded++;
    }

    @Override
    public long bytesBeingAppended() {
        return waiting.size() * 10L;
    }

    @Override
    public boolean isAppendingOften() {
        return appendsOften;
    }

    @Override
    public <T> T ask(Function<QueueTable, T> question) {
        return question.apply(table);
    }

    @Override
    public LogSlice read(long offset, long untilOffset, int bytesMax) {
        if (offset >= keys.size()) {
            return new LogSlice(List.of(), ByteBuffer.allocate(0), offset);
        }
        String key = keys.get((int) offset);
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        builder.add(new LogRecord(0, key.isEmpty() ? null : key.getBytes(UTF_8), new byte[10]));
        ByteBuffer batch = builder.build();
        RecordBatch.stamp(batch, offset, term);
        return new LogSlice(
                List.of(new BatchEntry(offset, 1, 0, 0, batch.remaining(), 0, 0, term, 0, 0)), batch, offset + 1);
    }

    @Override
    public long startOffset() {
        return 0;
    }

    @Override
    public long highWatermark() {
        return keys.size();
    }

    @Override
    public long offsetAt(long timeMs) {
        return keys.size();
    }

    @Override
    public Runnable whenReadable(long offset, Runnable wake) {
        if (keys.size() > offset) {
            wake.run();
        } else {
            watchers.add(wake);
        }
        return () -> watchers.remove(wake);
    }
}
