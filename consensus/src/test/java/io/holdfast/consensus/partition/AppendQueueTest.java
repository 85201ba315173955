package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.queue.QueueLane;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.BatchHeader;
import io.holdfast.internal.v1.BatchReply;
import io.holdfast.internal.v1.BatchResult;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
import io.holdfast.internal.v1.QueueAcquire;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.internal.v1.QueueOperation;
import io.holdfast.internal.v1.QueueResult;
import io.holdfast.internal.v1.QueueSettle;
import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.WriteOutcome;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** When batches become entries, and what becomes of those that wait. */
class AppendQueueTest {
    private final List<PartitionCommand> proposed = new ArrayList<>();
    private final List<CompletableFuture<PartitionReply>> replies = new ArrayList<>();
    private final ByteBudget budget = new ByteBudget(1 << 20);
    private QueueLane.@Nullable Along companion;
    private boolean awaited;
    private boolean busy;
    private long now;
    private final List<Runnable> timed = new ArrayList<>();
    private final SharedEntries sharedEntries = new SharedEntries(1, () -> busy, () -> now);
    private final AppendQueue queue = new AppendQueue(
            message -> {
                proposed.add(parse(RaftBytes.buffer(message.getContent())));
                replies.add(new CompletableFuture<>());
                return replies.get(replies.size() - 1);
            },
            new AppendQueue.Companion() {
                @Override
                public QueueLane.@Nullable Along along() {
                    return companion;
                }

                @Override
                public boolean isAwaited() {
                    return awaited;
                }
            },
            new EntryPacing(() -> 8, sharedEntries, () -> now, (task, delay) -> timed.add(task)),
            1 << 20,
            budget,
            new ByteBudget(1 << 20),
            new AppendEncoder(() -> 0, () -> 0, () -> false));

    private static final QueueCommand COMMAND =
            QueueCommand.newBuilder().setClockMs(1).build();

    private static PartitionCommand parse(ByteBuffer bytes) {
        try {
            return PartitionCommand.parseFrom(bytes);
        } catch (com.google.protobuf.InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }

    private static BatchAppend batch(long sequence) {
        return batch(sequence, 10);
    }

    private static BatchAppend batch(long sequence, int bytes) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        builder.add(new LogRecord(1, null, new byte[bytes], List.of()));
        return new BatchAppend(builder.build(), new BatchAppend.Sequence(7, 0, sequence), BatchAppend.Terms.NONE);
    }

    @Test
    void shouldKeepWritesWhileThePartitionIsAtRestAndProposeThemInOrder() {
        for (int i = 0; i < 5; i++) {
            assertThat(queue.offer(batch(i))).isNotDone();
        }
        assertThat(proposed).isEmpty();

        queue.release();
        queue.proposeWaiting();

        assertThat(proposed).hasSize(1);
        assertThat(proposed.get(0).getAppend().getBatchesList())
                .extracting(header -> header.getFirstSequence())
                .containsExactly(0L, 1L, 2L, 3L, 4L);
    }

    @Test
    void shouldGiveWritesBackAsNotAppliedIfNobodyWakes() {
        CompletableFuture<AppendResult> result = queue.offer(batch(0));

        queue.refuseWaiting(
                Refusal.later(ErrorReason.ERROR_REASON_UNAVAILABLE, "try again: nobody leads", Duration.ofMillis(1)));

        assertThat(result).isCompletedExceptionally();
        Refusal refusal = (Refusal)
                result.handle((ok, failure) -> failure instanceof CompletionException ? failure.getCause() : failure)
                        .join();
        assertThat(refusal.outcome()).isEqualTo(WriteOutcome.WRITE_OUTCOME_NOT_APPLIED);
        assertThat(budget.used()).isZero();
        assertThat(queue.isIdle()).isTrue();
        queue.release();
        queue.proposeWaiting();
        assertThat(proposed).isEmpty();
    }

    /** Processors are busy, this partition has had a command, and so has another; none is under way any more. */
    private void commanded() {
        queue.release();
        busy = true;
        sharedEntries.commanded("another");
        queue.proposeWith(COMMAND);
        replies.get(replies.size() - 1).complete(appended());
    }

    @Test
    void shouldLetSmallAppendsWaitForTheNextCommand() {
        commanded();
        queue.offer(batch(0));
        queue.offer(batch(1));
        assertThat(proposed).hasSize(1);

        queue.proposeWith(COMMAND);

        assertThat(proposed).hasSize(2);
        assertThat(proposed.get(1).getQueue()).isEqualTo(COMMAND);
        assertThat(sequences(1)).containsExactly(0L, 1L);
    }

    @Test
    void shouldNotLetThemWaitForEver() {
        commanded();
        queue.offer(batch(0));
        queue.offer(batch(1));
        assertThat(timed).as("one look, however many wait").hasSize(1);

        now += SharedEntries.WAIT_NANOS_MAX;
        timed.remove(0).run();

        assertThat(sequences(1)).containsExactly(0L, 1L);
        replies.get(1).complete(appended(10, 11));
        queue.offer(batch(2));
        assertThat(sequences(2)).as("until the next command").containsExactly(2L);
    }

    @Test
    void shouldNotLetThemWaitOnceThereIsMuch() {
        commanded();
        queue.offer(batch(0));
        queue.offer(batch(1, 300 << 10));
        assertThat(sequences(1)).containsExactly(0L, 1L);
    }

    @Test
    void shouldNotLetThemWaitWhereTheyAreAwaited() {
        commanded();
        queue.offer(batch(0));
        assertThat(proposed).hasSize(1);

        awaited = true;
        queue.proposeWaiting();

        assertThat(sequences(1)).containsExactly(0L);
        replies.get(1).complete(appended(10));
        queue.offer(batch(1));
        assertThat(sequences(2)).containsExactly(1L);
    }

    @Test
    void shouldTakeAlongWhatWaitsWithAQueueCommand() {
        queue.release();
        queue.offer(batch(0));
        CompletableFuture<AppendResult> first = queue.offer(batch(1));
        CompletableFuture<AppendResult> second = queue.offer(batch(2));
        assertThat(proposed).as("one is under way, and two small ones wait").hasSize(1);

        CompletableFuture<PartitionReply> queueReply = queue.proposeWith(COMMAND);

        assertThat(proposed).hasSize(2);
        assertThat(proposed.get(1).getQueue()).isEqualTo(COMMAND);
        assertThat(sequences(1)).containsExactly(1L, 2L);
        replies.get(1).complete(appended(11, 12));
        assertThat(first.join().firstOffset()).isEqualTo(11);
        assertThat(second.join().firstOffset()).isEqualTo(12);
        assertThat(queueReply).isCompleted();
        assertThat(queue.isIdle()).as("the first is under way still").isFalse();
    }

    @Test
    void shouldTakeAlongWhatAQueueLaneHasForSmallAppendsOnlyAndTellItsFate() {
        List<Object> fates = new ArrayList<>();
        companion = new QueueLane.Along(COMMAND, (results, failure) -> fates.add(results == null ? failure : results));
        queue.release();
        CompletableFuture<AppendResult> append = queue.offer(batch(0));
        assertThat(proposed.get(0).getQueue()).isEqualTo(COMMAND);
        assertThat(sequences(0)).containsExactly(0L);
        QueueResult result = QueueResult.newBuilder().setLeaseId(5).build();
        replies.get(0).complete(appended(10).toBuilder().addQueue(result).build());
        assertThat(append.join().firstOffset()).isEqualTo(10);
        assertThat(fates).containsExactly(List.of(result));

        queue.offer(batch(1));
        Refusal refusal = Refusal.later(ErrorReason.ERROR_REASON_UNAVAILABLE, "try again", Duration.ofMillis(1));
        replies.get(1).completeExceptionally(refusal);
        assertThat(fates).containsExactly(List.of(result), refusal);

        queue.offer(batch(2, 300 << 10));
        assertThat(proposed.get(2).hasQueue()).isFalse();
    }

    @Test
    void shouldGoOnWithWhatCameWhileAQueueCommandWasUnderWay() {
        queue.release();
        queue.offer(batch(0));
        queue.offer(batch(1));
        queue.proposeWith(COMMAND);
        queue.offer(batch(2));
        assertThat(proposed).hasSize(2);

        replies.get(0).complete(appended(10));
        assertThat(proposed).as("what went along counts as under way").hasSize(2);
        replies.get(1).complete(appended(11));
        assertThat(proposed).as("it may go along with the next command").hasSize(2);
        queue.proposeWaiting(); // there is none

        assertThat(proposed).hasSize(3);
        assertThat(sequences(2)).containsExactly(2L);
        assertThat(proposed.get(2).hasQueue()).isFalse();
    }

    @Test
    void shouldGatherSmallAppendsWhileAQueueCommandIsUnderWay() {
        queue.release();
        queue.proposeWith(COMMAND);
        queue.offer(batch(0));
        queue.offer(batch(1));
        assertThat(proposed).hasSize(1);
        assertThat(queue.isIdle()).isFalse();

        replies.get(0).complete(appended());
        queue.proposeWaiting();

        assertThat(proposed).hasSize(2);
        assertThat(sequences(1)).containsExactly(0L, 1L);
        replies.get(1).complete(appended(10, 11));
        assertThat(queue.isIdle()).isTrue();
    }

    @Test
    void shouldNotHoldUpWhatIsWorthAnEntryWhileAQueueCommandIsUnderWay() {
        queue.release();
        queue.proposeWith(COMMAND);

        queue.offer(batch(0, 300 << 10));

        assertThat(sequences(1)).containsExactly(0L);
    }

    @Test
    void shouldNotLetCommandsPassOverForGoodWhatIsTooLargeToGoAlong() {
        queue.release();
        queue.proposeWith(COMMAND);
        queue.offer(
                batch(0, (256 << 10) - 200)); // not worth an entry beside another, and too large for one with others
        assertThat(proposed).hasSize(1);

        queue.proposeWith(COMMAND.toBuilder()
                .addOperations(QueueOperation.newBuilder()
                        .setAcquire(QueueAcquire.newBuilder().setMember("m".repeat(300))))
                .build());

        assertThat(sequences(2)).containsExactly(0L);
    }

    @Test
    void shouldTellAppendsThatAreRefusedWithTheQueueCommandTheyWentAlongWith() {
        queue.release();
        queue.offer(batch(0));
        CompletableFuture<AppendResult> along = queue.offer(batch(1));
        CompletableFuture<PartitionReply> queueReply = queue.proposeWith(COMMAND);

        replies.get(1)
                .completeExceptionally(Refusal.later(
                        ErrorReason.ERROR_REASON_UNAVAILABLE, "try again: nobody leads", Duration.ofMillis(1)));

        assertThat(along).isCompletedExceptionally();
        assertThat(queueReply).isCompletedExceptionally();
        assertThat(budget.used()).isEqualTo(batch(0).bytes().remaining());
    }

    @Test
    void shouldLeaveWritesAloneThatWaitForThePartitionToWake() {
        queue.offer(batch(0));

        queue.proposeWith(COMMAND);

        assertThat(proposed).hasSize(1);
        assertThat(proposed.get(0).hasAppend()).isFalse();
        queue.release();
        replies.get(0).complete(appended());
        queue.proposeWaiting();
        assertThat(sequences(1)).containsExactly(0L);
    }

    @Test
    void shouldNotTakeAlongWhatWouldMakeTheEntryTooLarge() {
        queue.release();
        queue.offer(batch(0));
        queue.offer(batch(1, 200 << 10));
        String reason = "r".repeat(100 << 10);
        QueueCommand large = QueueCommand.newBuilder()
                .addOperations(QueueOperation.newBuilder()
                        .setSettle(QueueSettle.newBuilder().setReason(reason)))
                .build();

        queue.proposeWith(large);
        assertThat(proposed.get(1).hasAppend()).isFalse();

        queue.proposeWith(COMMAND);
        assertThat(sequences(2)).containsExactly(1L);
    }

    private List<Long> sequences(int entry) {
        return proposed.get(entry).getAppend().getBatchesList().stream()
                .map(BatchHeader::getFirstSequence)
                .toList();
    }

    private static PartitionReply appended(long... offsets) {
        PartitionReply.Builder reply = PartitionReply.newBuilder();
        for (long offset : offsets) {
            reply.addBatches(BatchReply.newBuilder()
                    .setResult(BatchResult.BATCH_RESULT_APPENDED)
                    .setFirstOffset(offset));
        }
        return reply.build();
    }

    @Test
    void shouldNotBeIdleWhileAnEntryIsUnderWay() {
        queue.release();
        queue.offer(batch(0));
        queue.hold();

        assertThat(queue.isIdle())
                .as("a partition with a write under way may not rest")
                .isFalse();
        assertThat(proposed).hasSize(1);
    }
}
