package io.holdfast.consensus.partition;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.PartitionReply;
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
import org.junit.jupiter.api.Test;

/** What a partition at rest does with the writes that wake it. */
class AppendQueueTest {
    private final List<PartitionCommand> proposed = new ArrayList<>();
    private final ByteBudget budget = new ByteBudget(1 << 20);
    private final AppendQueue queue = new AppendQueue(
            message -> {
                proposed.add(parse(RaftBytes.buffer(message.getContent())));
                return new CompletableFuture<PartitionReply>();
            },
            new EntryPacing(() -> 8, System::nanoTime, (task, delay) -> {}),
            1 << 20,
            budget,
            new ByteBudget(1 << 20),
            () -> 0);

    private static PartitionCommand parse(ByteBuffer bytes) {
        try {
            return PartitionCommand.parseFrom(bytes);
        } catch (com.google.protobuf.InvalidProtocolBufferException e) {
            throw new AssertionError(e);
        }
    }

    private static BatchAppend batch(long sequence) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        builder.add(new LogRecord(1, null, ("record " + sequence).getBytes(UTF_8), List.of()));
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
