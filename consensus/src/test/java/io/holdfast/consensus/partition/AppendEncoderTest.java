package io.holdfast.consensus.partition;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.holdfast.consensus.partition.BatchAppend.Terms;
import io.holdfast.consensus.raft.RaftBytes;
import io.holdfast.internal.v1.PartitionCommand;
import io.holdfast.internal.v1.QueueCommand;
import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatchBuilder;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Which bytes go into the Raft log, and which only into the segment. */
class AppendEncoderTest {
    private boolean keeps = true;
    private long now;
    private final AppendEncoder encoder = new AppendEncoder(() -> 7, () -> now, () -> keeps);

    @Test
    void shouldKeepASmallPayloadInTheCommand() throws Exception {
        BatchAppend first = batch("one", Terms.NONE);
        BatchAppend later = batch("kept for later", Terms.NONE.withDueMs(1_000L));
        BatchAppend second = batch("two", Terms.NONE);

        PartitionMessage message = encoder.encode(List.of(first, later, second), null);

        assertThat(message.batches()).isEqualTo(PartitionMessage.IN_COMMAND);
        assertThat(command(message).getAppend().getPayload())
                .isEqualTo(bytes(first).concat(bytes(second)));
        assertThat(command(message).getAppend().getBatchesCount()).isEqualTo(3);
        assertThat(command(message).getNowMs()).isEqualTo(7);
    }

    @Test
    void shouldKeepOnlySoMuch() throws Exception {
        BatchAppend append = batch("x".repeat(AppendEncoder.KEPT_BYTES_MAX), Terms.NONE);

        PartitionMessage message = encoder.encode(List.of(append), QueueCommand.getDefaultInstance());

        assertThat(RaftBytes.buffer(message.batches())).isEqualTo(append.bytes());
        assertThat(command(message).getAppend().getPayload()).isEqualTo(ByteString.EMPTY);
        assertThat(command(message).hasQueue()).isTrue();
    }

    @Test
    void shouldKeepNothingWhileMuchIsAppendedAndSoonAgainAfter() {
        BatchAppend small = batch("x".repeat(10_000), Terms.NONE);
        BatchAppend large = batch("x".repeat(1 << 20), Terms.NONE);

        for (int i = 0; i < 1000; i++) { // two thirds of what it may be
            now += 7_000_000;
            assertThat(isKept(small)).as("entry %s", i).isTrue();
        }
        int kept = 0;
        for (int i = 0; i < 1000; i++) { // twice as much
            now += 2_400_000;
            kept += isKept(small) ? 1 : 0;
        }
        assertThat(kept).isBetween(100, 700);
        for (int i = 0; i < 10; i++) {
            now += 1_000_000;
            assertThat(isKept(large)).isFalse();
        }
        assertThat(isKept(small)).isFalse();
        now += 1_000_000_000;
        assertThat(isKept(small)).isTrue();
    }

    private boolean isKept(BatchAppend append) {
        return encoder.encode(List.of(append), null).batches().equals(PartitionMessage.IN_COMMAND);
    }

    @Test
    void shouldKeepNothingBeforeAllNodesUnderstandIt() throws Exception {
        keeps = false;
        BatchAppend append = batch("one", Terms.NONE);

        PartitionMessage message = encoder.encode(List.of(append), null);

        assertThat(RaftBytes.buffer(message.batches())).isEqualTo(append.bytes());
        assertThat(command(message).getAppend().getPayload()).isEqualTo(ByteString.EMPTY);
    }

    @Test
    void shouldSendNoDataForWhatHasNone() throws Exception {
        PartitionMessage later = encoder.encode(List.of(batch("kept for later", Terms.NONE.withDueMs(1_000L))), null);
        PartitionMessage queue = encoder.encode(List.of(), QueueCommand.getDefaultInstance());

        assertThat(later.batches().isEmpty()).isTrue();
        assertThat(queue.batches().isEmpty()).isTrue();
        assertThat(command(queue).hasAppend()).isFalse();
    }

    private static BatchAppend batch(String value, Terms terms) {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        builder.add(new LogRecord(1, null, value.getBytes(UTF_8), List.of()));
        return new BatchAppend(builder.build(), null, terms);
    }

    private static PartitionCommand command(PartitionMessage message) throws Exception {
        return PartitionCommand.parseFrom(RaftBytes.buffer(message.getContent()));
    }

    private static ByteString bytes(BatchAppend append) {
        return ByteString.copyFrom(append.bytes().duplicate());
    }
}
