package io.holdfast.chaos.history;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.chaos.check.Checkers;
import io.holdfast.chaos.check.Verdict;
import io.holdfast.chaos.history.Event.Type;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class HistoryTest {
    @TempDir
    Path folder;

    @Test
    void shouldReadWhatItWrote() throws IOException {
        Path file = folder.resolve("h.jsonl");
        try (History history = new History(file, System.nanoTime())) {
            long process = history.newProcess();
            history.invoke(process, "send", List.of(List.of("send", 3, 17)));
            history.complete(process, Type.OK, "send", List.of(List.of("send", 3, List.of(42, 17))));
            history.fault("kill", 2);
            history.invoke(process, "poll", List.of(List.of("poll")), Map.of("final", true));
            history.complete(process, Type.INFO, "poll", List.of(List.of("poll")), Map.of("node", "n1", "final", true));
        }

        List<Event> events = new ArrayList<>();
        HistoryReader.read(file, events::add);

        assertThat(events).extracting(Event::index).containsExactly(0L, 1L, 2L, 3L, 4L);
        assertThat(events)
                .extracting(Event::type)
                .containsExactly(Type.INVOKE, Type.OK, Type.INFO, Type.INVOKE, Type.INFO);
        assertThat(events.get(1).value().toString()).isEqualTo("[[\"send\",3,[42,17]]]");
        assertThat(events.get(2).isNemesis()).isTrue();
        assertThat(events.get(4).node()).isEqualTo("n1");
        assertThat(events.get(4).isFinal()).isTrue();
        assertThat(events).isSortedAccordingTo(java.util.Comparator.comparingLong(Event::time));
    }

    @Test
    void shouldRefuseWhatIsNoHistory() throws IOException {
        assertRefused("is not JSON", "hello");
        assertRefused("has no f", "{\"index\":0,\"type\":\"ok\",\"process\":0,\"time\":1}");
        assertRefused("has the type", line(0, "maybe", "0", 1));
        assertRefused("has the process", line(0, "invoke", "\"me\"", 1));
        assertRefused("has index 1", line(1, "invoke", "0", 1));
        assertRefused("goes back in time", line(0, "invoke", "0", 5), line(1, "invoke", "1", 4));
        assertRefused("waits for an answer", line(0, "invoke", "0", 1), line(1, "invoke", "0", 2));
        assertRefused("asked nothing", line(0, "ok", "0", 1));
        assertRefused("ended in doubt", line(0, "invoke", "0", 1), line(1, "info", "0", 2), line(2, "invoke", "0", 3));
    }

    @Test
    void shouldRefuseOperationsThatNobodyJudges() throws IOException {
        Path file = folder.resolve("h.jsonl");
        Files.writeString(file, line(0, "invoke", "0", 1).replace("read", "frobnicate"));
        assertThatThrownBy(() -> Checkers.check(file)).hasMessageContaining("frobnicate");
    }

    private static String line(long index, String type, String process, long time) {
        return "{\"index\":" + index + ",\"type\":\"" + type + "\",\"process\":" + process
                + ",\"f\":\"read\",\"value\":[\"k\",null],\"time\":" + time + "}";
    }

    private void assertRefused(String why, String... lines) throws IOException {
        Path file = folder.resolve("bad.jsonl");
        Files.write(file, List.of(lines));
        assertThatThrownBy(() -> HistoryReader.read(file, event -> {}))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("line " + lines.length)
                .hasMessageContaining(why);
    }

    /** A million in less than a minute; by default fewer, in proportion. */
    @Test
    void shouldCheckAMillionOperationsAMinute() throws IOException {
        Path file = folder.resolve("long.jsonl");
        int operations = Integer.getInteger("holdfast.operations", 200_000);
        int keys = 8;
        try (History history = new History(file, System.nanoTime())) {
            for (int i = 0; i < operations; i++) {
                int key = i % keys;
                history.invoke(key, "send", List.of(List.of("send", key, i)));
                history.complete(key, Type.OK, "send", List.of(List.of("send", key, List.of(i / keys, i))));
            }
            for (int key = 0; key < keys; key++) {
                List<Integer> assigned = List.of(key);
                Map<String, Object> closing = Map.of("node", "n1", "final", true);
                history.invoke(100, "assign", assigned, closing);
                history.complete(100, Type.OK, "assign", assigned, closing);
                List<List<Integer>> records = new ArrayList<>();
                for (int offset = 0; offset < operations / keys; offset++) {
                    records.add(List.of(offset, offset * keys + key));
                }
                history.invoke(100, "poll", List.of(List.of("poll")), closing);
                Map<String, ?> polled = Map.of(Integer.toString(key), records);
                history.complete(100, Type.OK, "poll", List.of(List.of("poll", polled)), closing);
            }
        }

        long began = System.nanoTime();
        List<Verdict> verdicts = Checkers.check(file);
        double seconds = (System.nanoTime() - began) / 1e9;

        assertThat(verdicts).singleElement().satisfies(verdict -> {
            assertThat(verdict.anomalies()).isEmpty();
            assertThat(verdict.ok()).isGreaterThan(operations);
        });
        System.out.printf("%d operations checked in %.1f s%n", operations, seconds);
        assertThat(seconds).isLessThan(operations * 60e-6);
    }
}
