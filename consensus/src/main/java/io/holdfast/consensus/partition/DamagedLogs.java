package io.holdfast.consensus.partition;

import io.holdfast.storage.log.DurableDirectory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.function.LongSupplier;
import java.util.stream.Stream;

/** The logs of replicas that were damaged, and replaced, as they were found: the latest few, for people to look at. */
final class DamagedLogs {
    private static final int KEPT = 3;

    private final Path folder;
    private final LongSupplier clockMs;

    DamagedLogs(Path folder, LongSupplier clockMs) {
        this.folder = folder;
        this.clockMs = clockMs;
    }

    /** Moves a partition's log here. */
    synchronized void take(Path log) throws IOException {
        if (!Files.exists(log)) {
            return;
        }
        DurableDirectory.create(folder);
        // Names sort by time.
        Path kept = folder.resolve(String.format("%015d-%s", clockMs.getAsLong(), log.getFileName()));
        Files.move(log, kept, StandardCopyOption.ATOMIC_MOVE);
        List<Path> all;
        try (Stream<Path> there = Files.list(folder)) {
            all = there.sorted().toList();
        }
        for (Path old : all.subList(0, Math.max(0, all.size() - KEPT))) {
            PartitionPaths.deleteTree(old);
        }
    }
}
