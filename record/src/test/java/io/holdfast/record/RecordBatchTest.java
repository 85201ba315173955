package io.holdfast.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.function.IntPredicate;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RecordBatchTest {
    private static final int PLAIN_MAX = 1 << 24;

    @ParameterizedTest
    @EnumSource(Compression.class)
    void shouldGiveBackWhatWasPutIn(Compression compression) throws Exception {
        List<LogRecord> records = randomRecords(new Random(7), 200);

        RecordBatch batch = new RecordBatch(encode(compression, records));

        batch.verify();
        assertThat(batch.recordCount()).isEqualTo(200);
        assertSame(batch.records(PLAIN_MAX), records);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void shouldBeReadableByTheReferenceImplementation(Compression compression) throws Exception {
        List<LogRecord> records = randomRecords(new Random(11), 50);
        ByteBuffer encoded = encode(compression, records);
        RecordBatch.stamp(encoded, 1234, 9);

        var batches = org.apache.kafka.common.record.internal.MemoryRecords.readableRecords(encoded)
                .batches();

        var batch = batches.iterator().next();
        batch.ensureValid();
        assertThat(batch.baseOffset()).isEqualTo(1234);
        assertThat(batch.partitionLeaderEpoch()).isEqualTo(9);
        List<LogRecord> decoded = new ArrayList<>();
        for (var record : batch) {
            List<RecordHeader> headers = new ArrayList<>();
            for (Header header : record.headers()) {
                headers.add(new RecordHeader(header.key(), header.value()));
            }
            decoded.add(new LogRecord(record.timestamp(), bytes(record.key()), bytes(record.value()), headers));
        }
        assertSame(decoded, records);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void shouldKeepOffsetsWhenRecordsGo(Compression compression) throws Exception {
        List<LogRecord> records = randomRecords(new Random(13), 100);
        ByteBuffer whole = encode(compression, records);
        RecordBatch.assign(whole, 5, 6, 7);

        ByteBuffer some = keeping(whole, 0, 100, delta -> delta % 7 == 3);
        ByteBuffer again = keeping(some, 10, 60, delta -> delta != 17);

        RecordBatch batch = new RecordBatch(again);
        batch.verify();
        assertThatThrownBy(batch::verifyComplete).isInstanceOf(InvalidBatchException.class);
        assertThat(batch.offsetCount()).isEqualTo(50);
        assertThat(batch.producerId()).isEqualTo(5);
        assertThat(batch.baseSequence()).isEqualTo(7);
        List<Integer> deltas = new ArrayList<>();
        List<LogRecord> kept = new ArrayList<>();
        batch.forEach(PLAIN_MAX, (delta, record) -> {
            deltas.add(delta);
            kept.add(record);
        });
        assertThat(deltas).containsExactly(0, 14, 21, 28, 35, 42, 49);
        assertSame(kept, deltas.stream().map(delta -> records.get(delta + 10)).toList());
        var reference = org.apache.kafka.common.record.internal.MemoryRecords.readableRecords(again)
                .batches()
                .iterator()
                .next();
        reference.ensureValid();
        assertThat(reference.lastOffset()).isEqualTo(49);
        assertThat(reference).extracting(record -> (int) record.offset()).isEqualTo(deltas);
        assertThat(new RecordBatch(some).keeping(0, 3, delta -> true, PLAIN_MAX))
                .isNull();
    }

    private static ByteBuffer keeping(ByteBuffer of, int from, int until, IntPredicate kept) throws Exception {
        ByteBuffer some = new RecordBatch(of).keeping(from, until, kept, PLAIN_MAX);
        assertThat(some).isNotNull();
        return java.util.Objects.requireNonNull(some);
    }

    @Test
    void shouldNoticeEveryFlippedBitUnderTheChecksum() {
        byte[] good = encode(Compression.NONE, randomRecords(new Random(3), 3)).array();
        for (int at = RecordBatch.LENGTH_AT; at < good.length; at++) {
            if (at >= RecordBatch.LEADER_EPOCH_AT && at < RecordBatch.MAGIC_AT) {
                continue; // the log's to write, outside the checksum
            }
            for (int bit = 0; bit < 8; bit++) {
                byte[] bad = good.clone();
                bad[at] ^= (byte) (1 << bit);
                assertThatThrownBy(() -> new RecordBatch(ByteBuffer.wrap(bad)).verify())
                        .as("byte %s bit %s", at, bit)
                        .isInstanceOf(InvalidBatchException.class);
            }
        }
    }

    @Test
    void shouldRefuseEveryTruncation() {
        byte[] good = encode(Compression.LZ4, randomRecords(new Random(5), 10)).array();
        for (int length = 0; length < good.length; length++) {
            ByteBuffer cut = ByteBuffer.wrap(good, 0, length);
            assertThatThrownBy(() -> new RecordBatch(cut).verify()).isInstanceOf(InvalidBatchException.class);
        }
    }

    @Test
    void shouldRefuseToInflateWithoutBound() throws Exception {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.ZSTD);
        builder.add(new LogRecord(0, null, new byte[8 << 20]));
        RecordBatch bomb = new RecordBatch(builder.build());

        assertThat(bomb.sizeInBytes()).isLessThan(10_000);
        assertThatThrownBy(() -> bomb.records(1 << 20))
                .isInstanceOf(InvalidBatchException.class)
                .hasMessageContaining("inflate");
    }

    @Test
    void shouldNeverFailOtherThanTypedOnGarbageWithAValidChecksum() {
        Random random = new Random(17);
        byte[] good = encode(Compression.NONE, randomRecords(random, 5)).array();
        for (int round = 0; round < 20_000; round++) {
            byte[] bad = good.clone();
            int flips = 1 + random.nextInt(4);
            for (int i = 0; i < flips; i++) {
                bad[RecordBatch.ATTRIBUTES_AT + random.nextInt(bad.length - RecordBatch.ATTRIBUTES_AT)] =
                        (byte) random.nextInt(256);
            }
            ByteBuffer buffer = ByteBuffer.wrap(bad);
            buffer.putInt(RecordBatch.CRC_AT, RecordBatch.computeCrc(buffer));
            RecordBatch batch = new RecordBatch(buffer);
            try {
                batch.verify();
                batch.records(PLAIN_MAX);
            } catch (InvalidBatchException expected) {
                assertThat(expected).hasMessageMatching("(?s).+");
            }
        }
    }

    private static ByteBuffer encode(Compression compression, List<LogRecord> records) {
        RecordBatchBuilder builder = new RecordBatchBuilder(compression).producer(77, 3, 5_000_000_000L);
        records.forEach(builder::add);
        return builder.build();
    }

    static List<LogRecord> randomRecords(Random random, int count) {
        List<LogRecord> records = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            List<RecordHeader> headers = new ArrayList<>();
            for (int h = random.nextInt(3); h > 0; h--) {
                headers.add(new RecordHeader("name-" + h, random.nextBoolean() ? null : bytes(random)));
            }
            byte[] key = random.nextInt(4) == 0 ? null : ("key-" + random.nextInt(50)).getBytes(UTF_8);
            byte[] value = random.nextInt(10) == 0 ? null : bytes(random);
            records.add(new LogRecord(1_700_000_000_000L + random.nextInt(100_000), key, value, headers));
        }
        return records;
    }

    private static byte[] bytes(Random random) {
        byte[] bytes = new byte[random.nextInt(300)];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] bytes(ByteBuffer buffer) {
        if (buffer == null) {
            return null;
        }
        byte[] bytes = new byte[buffer.remaining()];
        buffer.duplicate().get(bytes);
        return bytes;
    }

    private static void assertSame(List<LogRecord> actual, List<LogRecord> expected) {
        assertThat(actual).usingRecursiveComparison().isEqualTo(expected);
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void shouldBuildTheSameBatchWhateverWasExpectedOfIt(Compression compression) {
        ByteBuffer plain = build(new RecordBatchBuilder(compression));
        for (int expected : new int[] {0, plain.remaining(), plain.remaining() + 100, 1 << 20}) {
            ByteBuffer batch = build(new RecordBatchBuilder(compression, expected));

            assertThat(batch).as("%d expected", expected).isEqualTo(plain);
            assertThat(batch.capacity()).isEqualTo(plain.remaining());
        }
    }

    @ParameterizedTest
    @EnumSource(Compression.class)
    void shouldBuildTheSameBatchInMemoryThatWasUsedBefore(Compression compression) {
        ByteBuffer plain = build(new RecordBatchBuilder(compression));
        for (int length : new int[] {0, 1, RecordBatch.HEADER_BYTES + 10, plain.remaining(), 1 << 20}) {
            byte[] memory = new byte[length];
            Arrays.fill(memory, (byte) 0xA5);

            ByteBuffer batch = build(new RecordBatchBuilder(compression, memory));

            assertThat(batch).as("%d bytes of memory", length).isEqualTo(plain);
            assertThat(batch.capacity()).isEqualTo(plain.remaining());
        }
    }

    private static ByteBuffer build(RecordBatchBuilder builder) {
        for (int i = 0; i < 100; i++) {
            builder.add(new LogRecord(7, null, ("value " + i).getBytes(UTF_8), List.of()));
        }
        int size = builder.sizeInBytes();
        ByteBuffer batch = builder.build();
        assertThat(batch.remaining()).isLessThanOrEqualTo(size);
        return batch;
    }
}
