package io.holdfast.bench.micro;

import io.holdfast.record.Compression;
import io.holdfast.record.LogRecord;
import io.holdfast.record.RecordBatch;
import io.holdfast.record.RecordBatchBuilder;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** A batch of 64 records of 1 KB: built by a producer, checked by a node, parsed by a consumer. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
public class BatchBenchmark {
    private static final int RECORDS = 64;
    private static final int PLAIN_BYTES_MAX = 1 << 20;

    @Param({"NONE", "LZ4", "ZSTD"})
    public Compression compression;

    private byte[] value;
    private ByteBuffer batch;

    @Setup
    public void fill() {
        value = new byte[1024];
        Random random = new Random(3);
        for (int i = 0; i < value.length; i++) {
            value[i] = (byte) ('a' + random.nextInt(26));
        }
        batch = build();
    }

    @Benchmark
    public ByteBuffer build() {
        RecordBatchBuilder builder = new RecordBatchBuilder(compression);
        for (int i = 0; i < RECORDS; i++) {
            builder.add(new LogRecord(1_700_000_000_000L + i, null, value, List.of()));
        }
        return builder.build();
    }

    @Benchmark
    public RecordBatch verify() throws Exception {
        RecordBatch checked = new RecordBatch(batch.duplicate());
        checked.verify();
        return checked;
    }

    @Benchmark
    public List<LogRecord> parse() throws Exception {
        return new RecordBatch(batch.duplicate()).records(PLAIN_BYTES_MAX);
    }
}
