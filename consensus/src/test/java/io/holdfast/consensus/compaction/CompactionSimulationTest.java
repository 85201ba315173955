package io.holdfast.consensus.compaction;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.internal.v1.CompactCommand;
import io.holdfast.internal.v1.CompactionState;
import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import io.holdfast.storage.log.AcceptedBatch;
import io.holdfast.storage.log.ExpectedFrames;
import io.holdfast.storage.log.FrameId;
import io.holdfast.storage.log.LogCheckpoint;
import io.holdfast.storage.log.LogIdentity;
import io.holdfast.storage.log.LogSettings;
import io.holdfast.storage.log.LogSlice;
import io.holdfast.storage.log.OffsetOutOfRangeException;
import io.holdfast.storage.log.PartitionLog;
import io.holdfast.storage.log.SegmentRewrite;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random histories of keyed records, deletions and passes, some of which break off, against maps: whoever reads from the
 * start has the last value of every key, of a deleted key none, and no pass that ended leaves two records of a key.
 */
class CompactionSimulationTest {
    private static final int SEEDS = Integer.getInteger("holdfast.seeds", 40);
    private static final long SEED = Long.getLong("holdfast.seed", 1L);
    private static final int PLAIN_MAX = 1 << 20;

    @TempDir
    Path root;

    @Test
    void shouldKeepWhatReadersKnowOfEachKey() throws Exception {
        for (long seed = SEED; seed < SEED + SEEDS; seed++) {
            try (Run run = new Run(seed, root.resolve("seed-" + seed))) {
                run.run(120);
            } catch (Throwable t) {
                throw new AssertionError("seed " + seed + " (replay with -Dholdfast.seed=" + seed + ")", t);
            }
        }
    }

    private static final class Run implements AutoCloseable {
        private final Random random;
        private final PartitionLog log;
        private final LastOffsets last;
        /** Values by key; null for a deleted one. */
        private final Map<String, String> model = new HashMap<>();

        private final TreeMap<Long, String> keyless = new TreeMap<>();
        private CompactionState state = CompactionState.getDefaultInstance();
        private long index;
        private long nowMs = 1000;
        private final long keepMs;
        private final Map<String, String> slow = new HashMap<>();
        private long slowPosition;
        private long slowSinceMs = Long.MIN_VALUE / 2;

        Run(long seed, Path directory) throws IOException {
            random = new Random(seed);
            keepMs = random.nextInt(3000);
            last = new LastOffsets(24L * (4 + random.nextInt(40)));
            log = PartitionLog.open(
                    directory,
                    new LogIdentity(1, 0),
                    new LogSettings(500 + random.nextInt(4000)),
                    LogCheckpoint.EMPTY,
                    ExpectedFrames.NONE);
        }

        void run(int steps) throws Exception {
            for (int step = 0; step < steps; step++) {
                nowMs += random.nextInt(100);
                switch (random.nextInt(10)) {
                    case 0 -> pass(random.nextInt(3) == 0 ? random.nextInt(3) : Integer.MAX_VALUE);
                    case 1 -> rewrite();
                    case 2, 3 -> readOn();
                    default -> produce();
                }
                checkReaders();
            }
        }

        private void produce() throws IOException {
            RecordBatchBuilder builder =
                    new RecordBatchBuilder(Compression.values()[random.nextInt(Compression.values().length)]);
            long offset = log.nextOffset();
            int count = 1 + random.nextInt(8);
            for (int i = 0; i < count; i++) {
                String value = random.nextInt(5) == 0 ? null : "v" + (offset + i);
                if (random.nextInt(20) == 0) {
                    keyless.put(offset + i, String.valueOf(value));
                    builder.add(record(null, value));
                } else {
                    String key = "k" + random.nextInt(30);
                    model.put(key, value);
                    builder.add(record(key, value));
                }
            }
            ByteBuffer batch = builder.build();
            RecordBatch view = new RecordBatch(batch);
            FrameId id = new FrameId(++index, 1);
            log.write(id, batch).join();
            log.apply(id, nowMs, List.of(new AcceptedBatch(0, batch.remaining(), count, 0, view.crc())));
        }

        private static LogRecord record(@Nullable String key, @Nullable String value) {
            return new LogRecord(
                    1, key == null ? null : key.getBytes(UTF_8), value == null ? null : value.getBytes(UTF_8));
        }

        /** @param entries after so many it breaks off */
        private void pass(int entries) throws Exception {
            long to = log.nextOffset() - random.nextInt((int) Math.min(20, log.nextOffset() + 1));
            long tombstones = Compactions.tombstonesMayGoTo(state, nowMs, keepMs);
            CompactionPass pass = new CompactionPass(this::read, last, 1 + random.nextInt(10));
            int[] left = {entries};
            try {
                pass.run(
                        new CompactionPass.Scope(
                                log.startOffset(),
                                state.getCompactedTo(),
                                Math.max(to, state.getCompactedTo()),
                                tombstones),
                        command -> {
                            if (left[0]-- == 0) {
                                throw new IOException("another leads now");
                            }
                            apply(command);
                        });
            } catch (IOException brokenOff) {
                return;
            }
            checkCompacted();
        }

        private LogSlice read(long offset, long until, int bytesMax) throws IOException {
            try {
                return log.read(offset, until, 1 + random.nextInt(bytesMax / 100));
            } catch (OffsetOutOfRangeException e) {
                throw new IOException(e);
            }
        }

        private void apply(CompactCommand command) throws IOException {
            log.remove(Compactions.removed(command));
            state = Compactions.after(state, command, nowMs);
        }

        private void rewrite() throws IOException {
            SegmentRewrite rewrite = log.rewrite(index, nowMs - random.nextInt(300));
            if (rewrite != null) {
                rewrite.run(() -> false);
                assertThat(log.replace(rewrite)).isTrue();
                log.checkpoint();
                log.checkpointStored();
            }
        }

        /** Reads a little further with the slow reader: if it is not too slow it must learn of every deletion. */
        private void readOn() throws Exception {
            if (nowMs - slowSinceMs >= keepMs) {
                slow.clear();
                slowPosition = log.startOffset();
                slowSinceMs = nowMs;
            }
            slowPosition = read(slowPosition, 1 + random.nextInt(2000), one -> slow.put(one.key, one.value));
            if (slowPosition == log.nextOffset()) {
                model.forEach((key, value) ->
                        assertThat(slow.get(key)).as("slow: " + key).isEqualTo(value));
            }
        }

        private record Seen(
                long offset, @Nullable String key, @Nullable String value) {}

        private List<Seen> readAll() throws Exception {
            List<Seen> seen = new ArrayList<>();
            long offset = log.startOffset();
            while (offset < log.nextOffset()) {
                offset = read(offset, 1 + random.nextInt(3000), seen::add);
            }
            return seen;
        }

        /** Returns where to go on. */
        private long read(long from, int bytesMax, Consumer<Seen> to) throws Exception {
            LogSlice slice = log.read(from, Long.MAX_VALUE, bytesMax);
            ByteBuffer bytes = slice.bytes();
            while (bytes.hasRemaining()) {
                int size = RecordBatch.sizeAt(bytes);
                RecordBatch batch = new RecordBatch(bytes.slice(bytes.position(), size));
                batch.verify();
                bytes.position(bytes.position() + size);
                batch.forEach(PLAIN_MAX, (delta, record) -> {
                    if (batch.baseOffset() + delta >= from) {
                        to.accept(new Seen(batch.baseOffset() + delta, text(record.key()), text(record.value())));
                    }
                });
            }
            return slice.nextOffset();
        }

        private static @Nullable String text(byte @Nullable [] bytes) {
            return bytes == null ? null : new String(bytes, UTF_8);
        }

        private void checkReaders() throws Exception {
            Map<String, String> values = new HashMap<>();
            TreeMap<Long, String> others = new TreeMap<>();
            for (Seen one : readAll()) {
                if (one.key == null) {
                    others.put(one.offset, String.valueOf(one.value));
                } else {
                    values.put(one.key, one.value);
                }
            }
            assertThat(others).isEqualTo(keyless);
            model.forEach((key, value) -> assertThat(values.get(key)).as(key).isEqualTo(value));
        }

        /** Below where the pass ended, each key once. */
        private void checkCompacted() throws Exception {
            Set<String> keys = new HashSet<>();
            for (Seen one : readAll()) {
                if (one.key != null && one.offset < state.getCompactedTo()) {
                    assertThat(keys.add(one.key)).as(one.toString()).isTrue();
                    assertThat(one.value != null || one.offset >= state.getTombstonesGoneTo())
                            .as(one.toString())
                            .isTrue();
                }
            }
        }

        @Override
        public void close() throws IOException {
            log.close();
        }
    }
}
