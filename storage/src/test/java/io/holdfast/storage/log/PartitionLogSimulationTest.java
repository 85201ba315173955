package io.holdfast.storage.log;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Random writes, applies, truncations, trims, removals, segments written anew, checkpoints and crashes, against a list of
 * strings. A crash keeps the files and a random part of what was written after the last entry that Raft knows of; some take a
 * random part of what was written behind and not flushed yet.
 */
class PartitionLogSimulationTest {
    private static final int SEEDS = Integer.getInteger("holdfast.seeds", 60);
    private static final long SEED = Long.getLong("holdfast.seed", 1L);

    @TempDir
    Path root;

    @Test
    void shouldMatchTheModelOverCrashes() throws Exception {
        for (long seed = SEED; seed < SEED + SEEDS; seed++) {
            Path directory = root.resolve("seed-" + seed);
            try {
                new Run(seed, directory).run(300);
            } catch (Throwable t) {
                throw new AssertionError("seed " + seed + " (replay with -Dholdfast.seed=" + seed + ")", t);
            }
            delete(directory);
        }
    }

    private static void delete(Path directory) throws Exception {
        try (var files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static final class Run {
        private final Random random;
        private final Path directory;
        private final LogSettings settings;
        private PartitionLog log;
        private LogCheckpoint checkpoint = LogCheckpoint.EMPTY;
        private long checkpointIndex;
        private long checkpointTerm = 1;

        /** The Raft log after the checkpoint: entries and what they carry. */
        private final TreeMap<Long, Entry> entries = new TreeMap<>();

        private final List<String> model = new ArrayList<>();
        private int modelStart;
        private long applied;
        private long term = 1;

        /** Appends a batch, or lets records go. */
        private record Entry(
                FrameId id,
                ByteBuffer batch,
                boolean kept,
                List<String> values,
                boolean accepted,
                List<OffsetRange> removed) {}

        /** How many bytes of the last segment a loss of power leaves. */
        private long flushedBytes;

        /** What applied entries have let go. */
        private final TreeMap<Long, List<OffsetRange>> removed = new TreeMap<>();

        private SegmentRewrite rewrite;

        Run(long seed, Path directory) throws Exception {
            this.random = new Random(seed);
            this.directory = directory;
            this.settings = new LogSettings(300 + random.nextInt(3000));
            this.log = open();
        }

        private PartitionLog open() throws Exception {
            ExpectedFrames expected = new ExpectedFrames(frames(false), frames(true), (wanted, to) -> {
                for (Entry entry : entries.values()) {
                    if (wanted.contains(entry.id)) {
                        to.accept(entry.id, entry.batch.duplicate());
                    }
                }
            });
            return PartitionLog.open(directory, new LogIdentity(1, 1), settings, checkpoint, expected);
        }

        private List<FrameId> frames(boolean kept) {
            return entries.values().stream()
                    .filter(entry -> entry.batch != null && entry.kept == kept)
                    .map(Entry::id)
                    .toList();
        }

        void run(int steps) throws Exception {
            for (int step = 0; step < steps; step++) {
                switch (random.nextInt(20)) {
                    case 0 -> crash();
                    case 1 -> truncate();
                    case 2 -> takeCheckpoint();
                    case 3 -> trim();
                    case 4 -> remove();
                    case 5 -> rewrite();
                    case 6, 7, 8, 9, 10, 11 -> apply();
                    default -> write();
                }
                check();
            }
            log.close();
        }

        private void write() throws Exception {
            long index = entries.isEmpty() ? checkpointIndex + 1 : entries.lastKey() + 1;
            List<String> values = new ArrayList<>();
            for (int i = 1 + random.nextInt(4); i > 0; i--) {
                values.add(term + "." + index + "." + i + "x".repeat(random.nextInt(80)));
            }
            ByteBuffer batch = Batches.of(values.toArray(String[]::new));
            FrameId id = new FrameId(index, term);
            boolean kept = random.nextInt(3) > 0;
            CompletableFuture<Void> written = kept ? log.writeBehind(id, batch) : log.write(id, batch);
            boolean flushes = !written.isDone();
            written.get();
            if (flushes) {
                flushedBytes = Files.size(lastSegment());
            }
            entries.put(index, new Entry(id, batch, kept, values, random.nextInt(6) > 0, List.of()));
        }

        private void remove() {
            long index = entries.isEmpty() ? checkpointIndex + 1 : entries.lastKey() + 1;
            List<OffsetRange> ranges = new ArrayList<>();
            for (int from = random.nextInt(40); from < model.size(); from += 1 + random.nextInt(40)) {
                int until = from + 1 + random.nextInt(12);
                ranges.add(new OffsetRange(from, until));
                from = until;
            }
            entries.put(index, new Entry(new FrameId(index, term), null, false, List.of(), false, ranges));
        }

        /** Begins, goes on with, or ends it, so that other things happen in between. */
        private void rewrite() throws Exception {
            SegmentRewrite ready = rewrite;
            if (ready == null) {
                rewrite = log.rewrite(applied, random.nextInt((int) applied + 2));
                if (rewrite != null) {
                    assertThat(rewrite.run(() -> false)).isTrue();
                }
            } else {
                if (!log.replace(ready)) {
                    ready.discard();
                }
                rewrite = null;
            }
        }

        private void apply() throws Exception {
            Entry entry = entries.get(applied + 1);
            if (entry == null) {
                return;
            }
            if (entry.batch == null) {
                log.remove(entry.removed);
                // What is not in the log yet is not meant.
                removed.put(entry.id.index(), OffsetRanges.within(entry.removed, 0, model.size()));
            } else {
                log.apply(entry.id, entry.id.index(), entry.accepted ? List.of(Batches.whole(entry.batch)) : List.of());
            }
            applied++;
            if (entry.accepted) {
                model.addAll(entry.values);
            }
        }

        private void truncate() {
            if (entries.isEmpty() || entries.lastKey() <= applied) {
                return;
            }
            long from = applied + 1 + random.nextInt((int) (entries.lastKey() - applied));
            log.truncate(from);
            entries.tailMap(from, true).clear();
            term++;
        }

        private void takeCheckpoint() throws Exception {
            checkpoint = log.checkpoint();
            log.checkpointStored();
            checkpointIndex = applied;
            checkpointTerm = term;
            entries.headMap(applied, true).clear();
        }

        private void trim() {
            int to = modelStart + random.nextInt(model.size() - modelStart + 1);
            log.trim(to);
            modelStart = to;
        }

        /** Loses what Raft had not taken yet, and all that was applied since the checkpoint; then applies it again. */
        private void crash() throws Exception {
            if (random.nextBoolean()) {
                losePower();
            } else if (random.nextBoolean()) { // bytes that no Raft entry knows of, maybe torn
                ByteBuffer extra = Batches.of("unknown to Raft");
                long index = entries.isEmpty() ? checkpointIndex + 1 : entries.lastKey() + 1;
                log.write(new FrameId(index, term), extra).get();
                Path last = lastSegment();
                byte[] bytes = Files.readAllBytes(last);
                Files.write(last, Arrays.copyOf(bytes, bytes.length - random.nextInt(extra.remaining())));
                term++;
            }
            long appliedBefore = applied;
            int lost = 0;
            for (long index = checkpointIndex + 1; index <= applied; index++) {
                Entry entry = entries.get(index);
                lost += entry.accepted ? entry.values.size() : 0;
            }
            model.subList(model.size() - lost, model.size()).clear();
            modelStart = (int) checkpoint.startOffset();
            applied = checkpointIndex;
            removed.tailMap(checkpointIndex, false).clear();
            rewrite = null;
            assertThat(checkpointTerm).isLessThanOrEqualTo(term);
            log = open();
            while (applied < appliedBefore) {
                apply();
            }
        }

        /** Cuts the last segment, or puts something else there. */
        private void losePower() throws Exception {
            try (var files = Files.list(directory)) {
                if (files.noneMatch(f -> f.toString().endsWith(Segment.DATA_SUFFIX))) {
                    return;
                }
            }
            Path last = lastSegment();
            byte[] bytes = Files.readAllBytes(last);
            long sure = Math.max(flushedBytes, checkpointed(last));
            if (sure < bytes.length) {
                int left = (int) sure + random.nextInt(bytes.length - (int) sure);
                byte[] torn = Arrays.copyOf(bytes, random.nextBoolean() ? left : bytes.length);
                Arrays.fill(torn, left, torn.length, (byte) random.nextInt(2));
                Files.write(last, torn);
            }
        }

        private long checkpointed(Path segment) {
            return checkpoint.segments().stream()
                    .filter(state -> segment.getFileName()
                            .toString()
                            .startsWith(new Segment.Name(state.id(), state.generation()).toString() + "."))
                    .mapToLong(SegmentState::appliedBytes)
                    .max()
                    .orElse(0);
        }

        private Path lastSegment() throws Exception {
            try (var files = Files.list(directory)) {
                return files.filter(f -> f.toString().endsWith(Segment.DATA_SUFFIX))
                        .sorted()
                        .reduce((a, b) -> b)
                        .orElseThrow();
            }
        }

        private void check() throws Exception {
            BitSet gone = new BitSet();
            removed.values().forEach(ranges -> ranges.forEach(r -> gone.set((int) r.from(), (int) r.until())));
            List<String> expected = new ArrayList<>();
            for (int i = modelStart; i < model.size(); i++) {
                if (!gone.get(i)) {
                    expected.add(i + "=" + model.get(i));
                }
            }
            assertThat(Batches.readAll(log, 1 + random.nextInt(2000))).isEqualTo(expected);
            for (Entry entry : entries.values()) {
                boolean isThere = entry.id.index() > applied || modelStart == 0;
                if (entry.batch != null && isThere) {
                    try {
                        assertThat(log.readPayload(entry.id)).isEqualTo(entry.batch);
                    } catch (PayloadGoneException e) {
                        assertThat(entry.id.index()).isLessThan(log.payloadsFrom());
                    }
                }
            }
        }
    }
}
