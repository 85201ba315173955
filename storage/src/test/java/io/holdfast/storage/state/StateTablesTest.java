package io.holdfast.storage.state;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class StateTablesTest {
    @TempDir
    Path directory;

    @Test
    void shouldKeepUpdatesOverReopening() throws Exception {
        try (StateTables tables = open()) {
            tables.write(new Update()
                    .put(Table.PRODUCERS, bytes("a1"), bytes("one"))
                    .put(Table.PRODUCERS, bytes("a2"), bytes("two"))
                    .put(Table.PRODUCERS, bytes("b1"), bytes("three"))
                    .put(Table.CHECKPOINTS, bytes("a1"), bytes("elsewhere")));
        }
        try (StateTables tables = open()) {
            assertThat(rows(tables, "a")).containsExactly("a1=one", "a2=two");
            tables.write(new Update()
                    .deletePrefix(Table.PRODUCERS, bytes("a"))
                    .put(Table.PRODUCERS, bytes("a3"), bytes("x")));
            assertThat(rows(tables, "")).containsExactly("a3=x", "b1=three");
            assertThat(tables.get(Table.CHECKPOINTS, bytes("a1"))).isEqualTo(bytes("elsewhere"));
        }
    }

    @Test
    void shouldDeletePrefixesThatEndInTheHighestByte() throws Exception {
        byte[] prefix = {1, (byte) 0xFF};
        try (StateTables tables = open()) {
            tables.write(new Update()
                    .put(Table.PRODUCERS, new byte[] {1, (byte) 0xFF, 5}, bytes("gone"))
                    .put(Table.PRODUCERS, new byte[] {2, 0}, bytes("kept")));
            tables.write(new Update().deletePrefix(Table.PRODUCERS, prefix));
            assertThat(rows(tables, "")).hasSize(1);
        }
    }

    @Test
    void shouldFailTypedAfterClosing() throws Exception {
        StateTables tables = open();
        tables.close();
        tables.close();
        assertThatThrownBy(() -> tables.get(Table.NODE, bytes("k"))).isInstanceOf(IOException.class);
    }

    private StateTables open() throws IOException {
        return StateTables.open(directory.resolve("state"), directory.resolve("native"));
    }

    private static List<String> rows(StateTables tables, String prefix) throws IOException {
        List<String> rows = new ArrayList<>();
        tables.scan(
                Table.PRODUCERS, bytes(prefix), (k, v) -> rows.add(new String(k, UTF_8) + "=" + new String(v, UTF_8)));
        return rows;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(UTF_8);
    }
}
