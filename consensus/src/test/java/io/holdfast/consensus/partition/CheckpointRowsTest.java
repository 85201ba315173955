package io.holdfast.consensus.partition;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.MessageIdRow;
import io.holdfast.internal.v1.ScheduleKey;
import io.holdfast.internal.v1.ScheduledRow;
import io.holdfast.storage.state.StateTables;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CheckpointRowsTest {
    @TempDir
    Path folder;

    private static void fill(CheckpointRows rows, long generation) throws IOException {
        for (int i = 0; i < 3; i++) {
            rows.scheduled(generation)
                    .take(List.of(ScheduledRow.newBuilder()
                            .setKey(ScheduleKey.newBuilder().setDueMs(7).setNumber(i))
                            .setBatch(ByteString.copyFromUtf8("later"))
                            .build()));
            rows.messageIds(generation)
                    .take(List.of(MessageIdRow.newBuilder()
                            .setNumber(i)
                            .setHash(ByteString.copyFrom(new byte[16]))
                            .build()));
        }
    }

    private static List<Integer> count(CheckpointRows rows, long generation) throws IOException {
        List<Object> scheduled = new ArrayList<>();
        List<Object> ids = new ArrayList<>();
        try (StateTables.View view = rows.view()) {
            rows.scheduled(generation).scan(view, (position, batch) -> scheduled.add(position));
            rows.messageIds(generation).scan(view, 0, Long.MAX_VALUE, ids::add);
        }
        return List.of(scheduled.size(), ids.size());
    }

    @Test
    void shouldDeleteAllGenerationsButTheOneInForceAndNothingOfOtherGroups() throws IOException {
        try (StateTables tables = StateTables.open(folder.resolve("state"), folder.resolve("native"))) {
            CheckpointRows rows = new CheckpointRows(tables, GroupId.ofPartition(5, 1));
            CheckpointRows before = new CheckpointRows(tables, GroupId.ofPartition(5, 0));
            CheckpointRows after = new CheckpointRows(tables, GroupId.ofPartition(5, 2));
            for (long generation : List.of(0L, 40L, 41L, 90L)) {
                fill(rows, generation);
                fill(before, generation);
                fill(after, generation);
            }

            rows.deleteAllBut(41);

            for (long generation : List.of(0L, 40L, 41L, 90L)) {
                assertThat(count(rows, generation))
                        .as("generation %d", generation)
                        .containsOnly(generation == 41 ? 3 : 0);
                assertThat(count(before, generation)).containsOnly(3);
                assertThat(count(after, generation)).containsOnly(3);
            }
            rows.deleteAllBut(90);
            assertThat(count(rows, 41)).containsOnly(0);

            CheckpointRows.delete(tables, GroupId.ofPartition(5, 0));
            assertThat(count(before, 40)).containsOnly(0);
            assertThat(count(after, 40)).containsOnly(3);
        }
    }
}
