package io.holdfast.node;

import io.holdfast.node.service.DiskFacts;
import java.io.IOException;
import java.nio.file.FileStore;
import java.nio.file.Files;
import java.nio.file.Path;

/** Knows whether the data directory's disk is nearly full; looks at most every half second. */
final class DiskSpace implements DiskFacts {
    private static final long LOOK_EVERY_NANOS = 500_000_000L;

    private final FileStore store;
    private final long freeBytesMin;
    private volatile long lookedAt;
    private volatile long freeBytes;

    DiskSpace(Path directory, long freeBytesMin) throws IOException {
        this.store = Files.getFileStore(directory);
        this.freeBytesMin = freeBytesMin;
        look();
    }

    @Override
    public boolean isNearlyFull() {
        if (System.nanoTime() - lookedAt > LOOK_EVERY_NANOS) {
            look();
        }
        return freeBytes < freeBytesMin;
    }

    @Override
    public long freeBytes() {
        return freeBytes;
    }

    @Override
    public long totalBytes() {
        try {
            return store.getTotalSpace();
        } catch (IOException e) {
            return 0;
        }
    }

    private void look() {
        lookedAt = System.nanoTime();
        try {
            freeBytes = store.getUsableSpace();
        } catch (IOException e) {
            freeBytes = 0; // what cannot be asked cannot be relied on
        }
    }
}
