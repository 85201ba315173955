package io.holdfast.storage.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PartitionLogTest {
    private static final LogIdentity IDENTITY = new LogIdentity(7, 3);
    private static final LogSettings SMALL = new LogSettings(2_000);

    @TempDir
    Path directory;

    private final List<PartitionLog> opened = new ArrayList<>();

    @AfterEach
    void close() throws IOException {
        for (PartitionLog log : opened) {
            log.close();
        }
    }

    @Test
    void shouldFlushForTheOneThatWaitsAllThatWasWrittenBefore() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        CompletableFuture<Void> first = log.write(new FrameId(1, 1), Batches.of("a"));
        CompletableFuture<Void> second = log.write(new FrameId(2, 1), Batches.of("b"));
        assertThat(first).as("nobody has waited for it yet").isNotDone();

        second.join();

        assertThat(first).isCompleted();
        assertThat(log.flushes()).as("one flush for both").isEqualTo(1);
    }

    @Test
    void shouldFlushOnlyTheFirstFrameOfASegmentThatIsWrittenBehind() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        for (long index = 1; files(".batches").size() < 2; index++) {
            CompletableFuture<Void> written = log.writeBehind(new FrameId(index, 1), Batches.of("record " + index));
            boolean isFirst = index == 1 || files(".batches").size() == 2;
            assertThat(written.isDone())
                    .as("entry %s need not be waited for", index)
                    .isEqualTo(!isFirst);
            written.join();
        }
        assertThat(log.flushes())
                .as("one for the first, and both segments for the second")
                .isEqualTo(3);
    }

    /** Else whoever flushes next, a checkpoint maybe, waits for long, and with it all that use the disk. */
    @Test
    void shouldNotLeaveMuchToBeFlushed() throws Exception {
        PartitionLog log = PartitionLog.open(
                directory, IDENTITY, new LogSettings(64 << 20), LogCheckpoint.EMPTY, ExpectedFrames.NONE);
        opened.add(log);
        String record = "x".repeat(10_000);
        log.writeBehind(new FrameId(1, 1), Batches.of(record)).join();
        long bytes = 0;
        for (long index = 2; index <= 200; index++) {
            ByteBuffer payload = Batches.of(record);
            bytes += FrameHeader.BYTES + payload.remaining();
            CompletableFuture<Void> written = log.writeBehind(new FrameId(index, 1), payload);
            assertThat(written.isDone()).isEqualTo(bytes <= FlushQueue.BEHIND_BYTES_MAX);
            if (!written.isDone()) {
                written.join();
                bytes = 0;
            }
        }
        assertThat(log.flushes()).as("flushes of 2 MB").isBetween(7L, 9L);
    }

    @Test
    void shouldFlushWhatAnEarlierProcessLeftInMemory() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        List<FrameId> ids = new ArrayList<>();
        for (long index = 1; ids.isEmpty() || Files.size(lastSegment()) < SMALL.segmentBytesMax(); index++) {
            ids.add(new FrameId(index, 1));
            log.writeBehind(new FrameId(index, 1), Batches.of("record " + index))
                    .join();
        }
        PartitionLog after = open(LogCheckpoint.EMPTY, ids.toArray(new FrameId[0]));

        after.writeBehind(new FrameId(99, 1), Batches.of("z")).join();

        assertThat(files(".batches")).hasSize(2);
        assertThat(after.flushes()).as("both").isEqualTo(2);
    }

    @Test
    void shouldWriteAgainWhatTheRaftLogKept() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        List<String> expected = fill(log, 1, 3);
        LogCheckpoint checkpoint = log.checkpoint();
        log.write(new FrameId(4, 1), Batches.of("flushed")).join();
        int flushed = (int) Files.size(lastSegment());
        TreeMap<FrameId, ByteBuffer> kept = new TreeMap<>(Comparator.comparing(FrameId::index));
        for (long index = 5; index < 8; index++) {
            kept.put(new FrameId(index, 1), Batches.of("kept " + index));
            log.writeBehind(new FrameId(index, 1), kept.lastEntry().getValue()).join();
        }
        byte[] original = Files.readAllBytes(lastSegment());
        Path segment = lastSegment();

        for (int cut = flushed; cut <= original.length; cut++) {
            for (int filler : new int[] {-1, 0, 0x5A}) {
                byte[] left = java.util.Arrays.copyOf(original, filler < 0 ? cut : original.length);
                java.util.Arrays.fill(left, cut, left.length, (byte) filler);
                Files.write(segment, left);

                PartitionLog reopened = openKeeping(checkpoint, kept, new FrameId(4, 1));

                List<String> all = new ArrayList<>(expected);
                reopened.apply(new FrameId(4, 1), 40, List.of(Batches.whole(Batches.of("flushed"))));
                all.add("3=flushed");
                for (FrameId id : kept.keySet()) {
                    assertThat(reopened.readPayload(id)).isEqualTo(kept.get(id));
                    reopened.apply(id, id.index() * 10, List.of(Batches.whole(kept.get(id))));
                    all.add(id.index() - 1 + "=kept " + id.index());
                }
                assertThat(Batches.readAll(reopened, 700)).as("cut at %s", cut).isEqualTo(all);
                assertThat(Files.readAllBytes(segment)).isEqualTo(original);
                reopened.close();
            }
        }
    }

    @Test
    void shouldWriteAgainSegmentsThatNeverReachedTheDisk() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        TreeMap<FrameId, ByteBuffer> kept = new TreeMap<>(Comparator.comparing(FrameId::index));
        kept.put(new FrameId(1, 1), Batches.of("kept"));
        log.writeBehind(new FrameId(1, 1), kept.firstEntry().getValue()); // and nobody waits
        Files.write(lastSegment(), new byte[0]);

        PartitionLog reopened = openKeeping(LogCheckpoint.EMPTY, kept);

        assertThat(reopened.readPayload(kept.firstKey()))
                .isEqualTo(kept.firstEntry().getValue());
    }

    @Test
    void shouldCallItDamageIfALaterFrameIsThere() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        TreeMap<FrameId, ByteBuffer> kept = new TreeMap<>(Comparator.comparing(FrameId::index));
        for (long index = 1; log.bytesOnDisk() == 0 || files(".batches").size() < 2; index++) {
            kept.put(new FrameId(index, 1), Batches.of("record " + index));
            log.writeBehind(kept.lastKey(), kept.lastEntry().getValue()).join();
        }
        Path first = files(".batches").get(0);
        byte[] bad = Files.readAllBytes(first);
        bad[bad.length / 2] ^= 1;
        Files.write(first, bad);

        assertThatThrownBy(() -> openKeeping(LogCheckpoint.EMPTY, kept)).isInstanceOf(DamagedLogException.class);
        assertThat(Files.readAllBytes(first)).as("left alone").isEqualTo(bad);
    }

    @Test
    void shouldCallItDamageIfTheRaftLogHasNotKeptIt() throws Exception {
        open(LogCheckpoint.EMPTY).close();
        ExpectedFrames expected = new ExpectedFrames(List.of(), List.of(new FrameId(1, 1)), (wanted, to) -> {});

        assertThatThrownBy(() ->
                        PartitionLog.open(directory.resolve("log"), IDENTITY, SMALL, LogCheckpoint.EMPTY, expected))
                .isInstanceOf(DamagedLogException.class);
    }

    @Test
    void shouldShowRecordsOnlyOnceApplied() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        ByteBuffer batch = Batches.of("a", "b");
        log.write(new FrameId(1, 1), batch).get();

        assertThat(Batches.readAll(log, 1000)).isEmpty();
        assertThat(log.nextOffset()).isZero();

        log.apply(new FrameId(1, 1), 500, List.of(Batches.whole(batch)));

        assertThat(Batches.readAll(log, 1000)).containsExactly("0=a", "1=b");
        assertThat(log.nextOffset()).isEqualTo(2);
    }

    @Test
    void shouldKeepRejectedAndTruncatedBatchesOutOfSight() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        log.write(new FrameId(1, 1), Batches.of("rejected")).get();
        log.apply(new FrameId(1, 1), 1, List.of());
        log.write(new FrameId(2, 1), Batches.of("truncated")).get();
        log.truncate(2);
        ByteBuffer good = Batches.of("good");
        log.write(new FrameId(2, 2), good).get();
        log.apply(new FrameId(2, 2), 2, List.of(Batches.whole(good)));

        assertThat(Batches.readAll(log, 1000)).containsExactly("0=good");
        assertThatThrownBy(() -> log.apply(new FrameId(3, 2), 3, List.of())).isInstanceOf(DamagedLogException.class);
    }

    @Test
    void shouldSkipLeadingRecordsOfAnOverlappingBatch() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        append(log, 1, "a", "b");
        ByteBuffer overlap = Batches.of("b", "c", "d");
        AcceptedBatch whole = Batches.whole(overlap);
        log.write(new FrameId(2, 1), overlap).get();
        log.apply(new FrameId(2, 1), 2, List.of(new AcceptedBatch(0, whole.batchBytes(), 2, 1, whole.crc())));

        assertThat(Batches.readAll(log, 1000)).containsExactly("0=a", "1=b", "2=c", "3=d");
    }

    @Test
    void shouldReadOverManySegmentsInAnyPieceSize() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        List<String> expected = fill(log, 1, 200);

        for (int bytesMax : new int[] {1, 100, 333, 5_000, 1 << 20}) {
            assertThat(Batches.readAll(log, bytesMax)).isEqualTo(expected);
        }
        assertThat(files(".batches").size()).isGreaterThan(5);
        assertThat(log.read(150, 152, 1 << 20).nextOffset()).isLessThan(200);
        assertThatThrownBy(() -> log.read(201, 300, 10)).isInstanceOf(OffsetOutOfRangeException.class);
    }

    @Test
    void shouldFindOffsetsByAppendTime() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 100); // appended at 10, 20, 30, ...

        assertThat(log.offsetAt(0)).isEqualTo(0);
        assertThat(log.offsetAt(10)).isEqualTo(0);
        assertThat(log.offsetAt(11)).isEqualTo(1);
        assertThat(log.offsetAt(500)).isEqualTo(49);
        assertThat(log.offsetAt(1001)).isEqualTo(100);
    }

    @Test
    void shouldFindWhereALogOfASizeWouldStart() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 200);
        long all = log.bytesKept();

        assertThat(log.offsetKeeping(all)).isEqualTo(0);
        assertThat(log.offsetKeeping(0)).isEqualTo(200);
        long last = 0;
        for (long bytes = all; bytes > 0; bytes -= all / 37) {
            long start = log.offsetKeeping(bytes);
            assertThat(start).isBetween(last, 200L);
            last = start;
            if (bytes == all / 37 * 20) {
                log.trim(start);
            }
        }
        log.trim(log.offsetKeeping(all / 2));
        assertThat(log.bytesKept()).isLessThanOrEqualTo(all / 2).isGreaterThan(all / 2 - 500);
        log.trim(200);
        assertThat(log.bytesKept()).isZero();
    }

    @Test
    void shouldGiveLaggingFollowersEveryPayloadAlsoTheDeadOnes() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        Map<FrameId, ByteBuffer> written = new TreeMap<>((a, b) -> Long.compare(a.index(), b.index()));
        for (int i = 1; i <= 120; i++) {
            ByteBuffer batch = Batches.of("payload " + i, "x".repeat(i));
            FrameId id = new FrameId(i, 1 + i / 50);
            written.put(id, batch);
            log.write(id, batch).get();
            log.apply(id, i, i % 3 == 0 ? List.of() : List.of(Batches.whole(batch)));
        }
        for (Map.Entry<FrameId, ByteBuffer> entry : written.entrySet()) {
            assertThat(log.readPayload(entry.getKey())).isEqualTo(entry.getValue());
        }
        assertThatThrownBy(() -> log.readPayload(new FrameId(60, 9))).isInstanceOf(DamagedLogException.class);
    }

    @Test
    void shouldTrimWholeSegmentsAfterTheNextCheckpoint() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        List<String> expected = fill(log, 1, 200);
        int before = files(".batches").size();

        log.trim(120);

        assertThat(files(".batches")).hasSize(before);
        LogCheckpoint checkpoint = log.checkpoint();
        log.checkpointStored();
        assertThat(files(".batches").size()).isLessThan(before / 2 + 2);
        assertThat(Batches.readAll(log, 700)).isEqualTo(expected.subList(120, 200));
        assertThatThrownBy(() -> log.read(119, 130, 10)).isInstanceOf(OffsetOutOfRangeException.class);
        assertThat(Batches.readAll(open(checkpoint), 700)).isEqualTo(expected.subList(120, 200));
    }

    /** The last segment too can be written anew; a write may come before the old files are gone. */
    @Test
    void shouldWriteOnWhileWhatWasWrittenAnewIsStillThereAsItWas() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 200);
        int written = files(".batches").size();
        removeAndRewriteAll(log, 200);
        assertThat(files(".batches").size()).as("files of before, and one").isEqualTo(written + 1);

        append(log, 201, "next");

        assertThat(log.nextOffset()).isEqualTo(201);
    }

    /** A crash between the checkpoint and the deletion of what was written anew, the last segment among it. */
    @Test
    void shouldNotTakeWhatWasWrittenAnewForYoungAfterACrash() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 200);
        removeAndRewriteAll(log, 200);
        LogCheckpoint checkpoint = log.checkpoint();
        ByteBuffer batch = Batches.of("young");
        FrameId young = new FrameId(201, 1);
        log.write(young, batch).get();
        assertThat(files(".batches"))
                .as("old ones, the one made of them, and the young")
                .hasSizeGreaterThan(3);

        PartitionLog opened = open(checkpoint, young);

        assertThat(files(".batches")).as("the one made of them, and the young").hasSize(2);
        opened.apply(young, 1, List.of(Batches.whole(batch)));
        assertThat(Batches.readAll(opened, 700)).containsExactly("200=young");
    }

    @Test
    void shouldCutAnIncompleteLastWrite() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 10);
        LogCheckpoint checkpoint = log.checkpoint();
        log.write(new FrameId(11, 1), Batches.of("whole")).get();
        long whole = Files.size(lastSegment());
        log.write(new FrameId(12, 1), Batches.of("torn")).get();
        long size = Files.size(lastSegment());
        byte[] original = Files.readAllBytes(lastSegment());

        for (long cut = whole; cut < size; cut++) {
            Files.write(lastSegment(), java.util.Arrays.copyOf(original, (int) cut));
            PartitionLog reopened = open(checkpoint, new FrameId(11, 1));
            assertThat(Files.size(lastSegment())).isEqualTo(whole);
            assertThat(reopened.readPayload(new FrameId(11, 1))).isEqualTo(Batches.of("whole"));
        }
        // Zeroes and garbage, as a file system may leave them behind a crash.
        for (int filler : new int[] {0, 0x5A}) {
            byte[] padded = java.util.Arrays.copyOf(original, (int) whole + 4096);
            java.util.Arrays.fill(padded, (int) whole, padded.length, (byte) filler);
            Files.write(lastSegment(), padded);
            open(checkpoint, new FrameId(11, 1));
            assertThat(Files.size(lastSegment())).isEqualTo(whole);
        }
    }

    /** It may be in memory only, as its flush may have failed; frames that follow must not depend on it. */
    @Test
    void shouldCutAWholeWriteThatIsOfNoEntry() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        log.write(new FrameId(1, 1), Batches.of("first")).get();
        long first = Files.size(lastSegment());
        log.write(new FrameId(2, 1), Batches.of("truncated")).get();
        log.truncate(2);
        log.write(new FrameId(2, 2), Batches.of("second")).get();
        long second = Files.size(lastSegment());
        log.write(new FrameId(3, 2), Batches.of("of no entry")).get();

        open(LogCheckpoint.EMPTY, new FrameId(1, 1), new FrameId(2, 2));
        assertThat(Files.size(lastSegment())).isEqualTo(second);

        open(LogCheckpoint.EMPTY, new FrameId(1, 1));
        assertThat(Files.size(lastSegment())).isEqualTo(first);
    }

    @Test
    void shouldRefuseDamageInTheMiddleAndLeaveTheFileAlone() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 5);
        LogCheckpoint checkpoint = log.checkpoint();
        long start = Files.size(lastSegment());
        log.write(new FrameId(6, 1), Batches.of("six")).get();
        log.write(new FrameId(7, 1), Batches.of("seven")).get();
        byte[] original = Files.readAllBytes(lastSegment());

        for (int at = (int) start; at < original.length; at++) {
            byte[] bad = original.clone();
            bad[at] ^= 0x10;
            Files.write(lastSegment(), bad);
            assertThatThrownBy(() -> open(checkpoint, new FrameId(6, 1), new FrameId(7, 1)))
                    .as("byte %s", at)
                    .isInstanceOf(DamagedLogException.class);
            assertThat(Files.readAllBytes(lastSegment())).isEqualTo(bad);
        }
        Files.write(lastSegment(), original);
        open(checkpoint, new FrameId(6, 1), new FrameId(7, 1));
    }

    @Test
    void shouldNoticeDamageOfWhatACheckpointVouchesFor() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 100);
        LogCheckpoint checkpoint = log.checkpoint();
        Path segment = files(".batches").get(1);
        byte[] original = Files.readAllBytes(segment);
        byte[] bad = original.clone();
        bad[bad.length / 2] ^= 1;
        Files.write(segment, bad);
        assertThatThrownBy(() -> Batches.readAll(open(checkpoint), 700)).isInstanceOf(DamagedLogException.class);

        Files.write(segment, java.util.Arrays.copyOf(original, original.length - 1));
        assertThatThrownBy(() -> open(checkpoint)).isInstanceOf(DamagedLogException.class);
        Files.delete(segment);
        assertThatThrownBy(() -> open(checkpoint)).isInstanceOf(DamagedLogException.class);
        Files.write(segment, original);

        Path index = files(".index").get(1);
        byte[] entries = Files.readAllBytes(index);
        entries[70] ^= 1;
        Files.write(index, entries);
        assertThatThrownBy(() -> Batches.readAll(open(checkpoint), 700)).isInstanceOf(DamagedLogException.class);
    }

    @Test
    void shouldKeepItsFilesWhenTheWritersThreadIsInterrupted() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        ByteBuffer batch = Batches.of("a");
        Thread.currentThread().interrupt();
        var written = log.write(new FrameId(1, 1), batch);
        assertThat(Thread.interrupted()).as("the interrupt is passed on").isTrue();
        written.get();
        log.apply(new FrameId(1, 1), 1, List.of(Batches.whole(batch)));
        assertThat(Batches.readAll(log, 100)).containsExactly("0=a");
    }

    @Test
    void shouldRefuseAnotherPartitionsSegment() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        fill(log, 1, 3);
        LogCheckpoint checkpoint = log.checkpoint();

        assertThatThrownBy(() -> PartitionLog.open(
                        directory.resolve("log"), new LogIdentity(7, 4), SMALL, checkpoint, ExpectedFrames.NONE))
                .isInstanceOf(DamagedLogException.class)
                .hasMessageContaining("7/3");
    }

    @Test
    void shouldDropIndexEntriesPastTheCheckpoint() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        List<String> expected = fill(log, 1, 20);
        LogCheckpoint checkpoint = log.checkpoint();
        FrameId later = append(log, 21, "later");

        PartitionLog reopened = open(checkpoint, later);

        assertThat(Batches.readAll(reopened, 700)).isEqualTo(expected);
        reopened.apply(later, 210, List.of(Batches.whole(Batches.of("later"))));
        expected.add("20=later");
        assertThat(Batches.readAll(reopened, 700)).isEqualTo(expected);
    }

    /** A replica at rest may be read at the moment that it is opened to be written. */
    @Test
    void shouldBeReadBesideItsWriter() throws Exception {
        PartitionLog log = open(LogCheckpoint.EMPTY);
        List<String> expected = fill(log, 1, 20);
        LogCheckpoint checkpoint = log.checkpoint();
        List<String> grown = new ArrayList<>(expected);
        append(log, 21, "later");
        grown.add("20=later");
        ByteBuffer unfinished = Batches.of("not applied");
        log.write(new FrameId(22, 1), unfinished).get();

        try (PartitionLog reader = PartitionLog.openToRead(directory.resolve("log"), IDENTITY, SMALL, checkpoint)) {
            assertThat(Batches.readAll(reader, 700)).isEqualTo(expected);
        }

        assertThat(Batches.readAll(log, 700)).isEqualTo(grown);
        log.apply(new FrameId(22, 1), 220, List.of(Batches.whole(unfinished)));
        grown.add("21=not applied");
        assertThat(Batches.readAll(log, 700)).isEqualTo(grown);
        assertThat(Batches.readAll(open(log.checkpoint()), 700)).isEqualTo(grown);
    }

    private PartitionLog open(LogCheckpoint checkpoint, FrameId... required) throws IOException {
        PartitionLog log = PartitionLog.open(
                directory.resolve("log"), IDENTITY, SMALL, checkpoint, ExpectedFrames.of(List.of(required)));
        opened.add(log);
        return log;
    }

    private PartitionLog openKeeping(LogCheckpoint checkpoint, Map<FrameId, ByteBuffer> kept, FrameId... required)
            throws IOException {
        ExpectedFrames expected = new ExpectedFrames(
                List.of(required),
                kept.keySet(),
                (wanted, to) -> kept.forEach((id, payload) -> {
                    if (wanted.contains(id)) {
                        to.accept(id, payload.duplicate());
                    }
                }));
        PartitionLog log = PartitionLog.open(directory.resolve("log"), IDENTITY, SMALL, checkpoint, expected);
        opened.add(log);
        return log;
    }

    private static FrameId append(PartitionLog log, long index, String... values) throws Exception {
        ByteBuffer batch = Batches.of(values);
        FrameId id = new FrameId(index, 1);
        log.write(id, batch).get();
        log.apply(id, index * 10, List.of(Batches.whole(batch)));
        return id;
    }

    private static List<String> fill(PartitionLog log, long from, int count) throws Exception {
        List<String> expected = new ArrayList<>();
        for (long i = from; i < from + count; i++) {
            append(log, i, "record " + i);
            expected.add((i - from) + "=record " + i);
        }
        return expected;
    }

    /** Lets all records go, and writes all segments anew, the last one too. */
    private static void removeAndRewriteAll(PartitionLog log, long records) throws Exception {
        log.remove(List.of(new OffsetRange(0, records)));
        SegmentRewrite rewrite = Objects.requireNonNull(log.rewrite(records, Long.MAX_VALUE));
        assertThat(rewrite.run(() -> false)).isTrue();
        assertThat(log.replace(rewrite)).isTrue();
    }

    private List<Path> files(String suffix) throws IOException {
        try (var files = Files.list(directory.resolve("log"))) {
            return files.filter(f -> f.toString().endsWith(suffix)).sorted().toList();
        }
    }

    private Path lastSegment() throws IOException {
        List<Path> all = files(".batches");
        Path last = all.get(all.size() - 1);
        assertThat(Files.isWritable(last)).isTrue();
        Files.newByteChannel(last, StandardOpenOption.READ).close();
        return last;
    }
}
