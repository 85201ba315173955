package io.holdfast.bench.micro;

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
import io.holdfast.storage.log.PartitionLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/** A partition's log: frames of one 4 KB batch appended, flushed, applied, found and read. Temporary folder's disk. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 2, time = 1)
@Measurement(iterations = 4, time = 1)
public class LogBenchmark {
    private static final int FILLED = 20_000;

    private final Random random = new Random(11);
    private Path directory;
    private PartitionLog log;
    private ByteBuffer batch;
    private int crc;
    private long index;

    @Setup(Level.Iteration)
    public void open() throws Exception {
        RecordBatchBuilder builder = new RecordBatchBuilder(Compression.NONE);
        for (int i = 0; i < 4; i++) {
            builder.add(new LogRecord(1_700_000_000_000L, null, new byte[1000], List.of()));
        }
        batch = builder.build();
        crc = new RecordBatch(batch).crc();
        directory = Files.createTempDirectory("holdfast-jmh-");
        log = PartitionLog.open(
                directory.resolve("log"),
                new LogIdentity(1, 0),
                new LogSettings(1L << 30),
                LogCheckpoint.EMPTY,
                ExpectedFrames.NONE);
        index = 0;
        for (int i = 0; i < FILLED; i++) {
            appendAndApply();
        }
        log.flush();
    }

    @TearDown(Level.Iteration)
    public void delete() throws IOException {
        log.close();
        try (var files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    /** Without waiting for the disk. */
    @Benchmark
    public void appendAndApply() throws IOException {
        FrameId id = new FrameId(++index, 1);
        log.write(id, batch.duplicate());
        log.apply(id, 1_700_000_000_000L, List.of(new AcceptedBatch(0, batch.remaining(), 4, 0, crc)));
    }

    @Benchmark
    public void appendAndFlush() {
        FrameId id = new FrameId(++index, 1);
        log.write(id, batch.duplicate()).join();
        log.truncate(index);
    }

    /** Index lookup, read from the page cache, checksum. */
    @Benchmark
    public LogSlice readSomewhere() throws Exception {
        long offset = random.nextInt(FILLED) * 4L;
        return log.read(offset, log.nextOffset(), 1);
    }
}
