package io.holdfast.chaos.arena;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.holdfast.storage.log.ExpectedFrames;
import io.holdfast.storage.log.FrameId;
import io.holdfast.storage.log.LogCheckpoint;
import io.holdfast.storage.log.LogIdentity;
import io.holdfast.storage.log.LogSettings;
import io.holdfast.storage.log.PartitionLog;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

/**
 * A partition's log on a disk of which a flush failed. The kernel takes what should have been written for written then, and
 * shows it to the next process, until the power fails.
 */
class FailedFlushTest extends OnFaultyDisk {
    private static final LogIdentity IDENTITY = new LogIdentity(7, 3);
    private static final LogSettings SETTINGS = new LogSettings(1 << 20);
    private static final int FLUSHED = 1;
    /** Of these the Raft log has the payload, and is said to have flushed it. */
    private static final int KEPT = 10;
    /** Pages of their own, so that nobody writes to them by chance. */
    private static final int PAYLOAD_BYTES = 20_000;

    @Test
    void shouldHaveFlushedWhatItSaysIsFlushedAfterItWasOpenedAgain() throws Exception {
        run("fail");
        run("open-again");
        disk.lose(0);
        run("check");
    }

    @Test
    void shouldOpenASegmentWhoseFirstFlushFailed() throws Exception {
        run("fail-first");
        run("open-empty");
        disk.lose(0);
        run("open-empty");
    }

    @Test
    void shouldNotTrustADiskWhoseFlushFailedInACheckpoint() throws Exception {
        run("fail-in-checkpoint");
    }

    /** What the process does. */
    public static void main(String[] args) throws Exception {
        Path folder = Path.of(args[1]).resolve("log");
        switch (args[0]) {
            case "fail" -> {
                PartitionLog log = write(folder);
                FaultyDisk.failSyncsOfThisProcess(true);
                assertThatThrownBy(() -> log.write(new FrameId(KEPT + 1, 1), payload(KEPT + 1))
                                .join())
                        .hasRootCauseInstanceOf(IOException.class);
                FaultyDisk.failSyncsOfThisProcess(false);
            }
            case "open-again" -> {
                List<FrameId> required = ids(1, FLUSHED);
                PartitionLog log = open(folder, new ExpectedFrames(required, ids(FLUSHED + 1, KEPT), (wanted, to) -> {
                    throw new IOException("the kernel shows them all");
                }));
                log.write(new FrameId(KEPT + 1, 2), payload(KEPT + 2)).join();
                log.write(new FrameId(KEPT + 2, 2), payload(KEPT + 3)).join();
            }
            case "check" -> {
                List<FrameId> required = new ArrayList<>(ids(1, KEPT));
                required.add(new FrameId(KEPT + 1, 2));
                required.add(new FrameId(KEPT + 2, 2));
                PartitionLog log = open(folder, ExpectedFrames.of(required));
                for (FrameId id : ids(1, KEPT)) {
                    assertThat(log.readPayload(id)).isEqualTo(payload(id.index()));
                }
            }
            case "fail-first" -> {
                PartitionLog log = open(folder, ExpectedFrames.NONE);
                CompletableFuture<Void> first = log.write(new FrameId(1, 1), payload(1));
                FaultyDisk.failSyncsOfThisProcess(true);
                assertThatThrownBy(first::join).hasRootCauseInstanceOf(IOException.class);
                FaultyDisk.failSyncsOfThisProcess(false);
            }
            case "open-empty" -> open(folder, ExpectedFrames.NONE);
            case "fail-in-checkpoint" -> {
                PartitionLog log = write(folder);
                log.apply(new FrameId(1, 1), 1, List.of());
                FaultyDisk.failSyncsOfThisProcess(true);
                assertThatThrownBy(log::checkpoint).isInstanceOf(IOException.class);
                FaultyDisk.failSyncsOfThisProcess(false);
                assertThatThrownBy(() -> log.write(new FrameId(KEPT + 1, 1), payload(KEPT + 1))
                                .join())
                        .hasRootCauseInstanceOf(IOException.class);
                assertThatThrownBy(log::checkpoint).isInstanceOf(IOException.class);
            }
            default -> throw new IllegalArgumentException(args[0]);
        }
    }

    private static PartitionLog write(Path folder) throws IOException {
        PartitionLog log = open(folder, ExpectedFrames.NONE);
        log.write(new FrameId(FLUSHED, 1), payload(FLUSHED)).join();
        for (FrameId id : ids(FLUSHED + 1, KEPT)) {
            log.writeBehind(id, payload(id.index())).join();
        }
        return log;
    }

    private static PartitionLog open(Path folder, ExpectedFrames expected) throws IOException {
        return PartitionLog.open(folder, IDENTITY, SETTINGS, LogCheckpoint.EMPTY, expected);
    }

    private static List<FrameId> ids(long from, long to) {
        return LongStream.rangeClosed(from, to)
                .mapToObj(index -> new FrameId(index, 1))
                .toList();
    }

    private static ByteBuffer payload(long number) {
        byte[] bytes = new byte[PAYLOAD_BYTES];
        Arrays.fill(bytes, (byte) number);
        return ByteBuffer.wrap(bytes);
    }
}
