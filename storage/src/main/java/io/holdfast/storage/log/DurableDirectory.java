package io.holdfast.storage.log;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Directories whose entries survive a power failure. */
public final class DurableDirectory {
    private DurableDirectory() {}

    /** Creates the directory and its missing parents, each name on disk on return. */
    public static void create(Path directory) throws IOException {
        Path absolute = directory.toAbsolutePath();
        if (Files.isDirectory(absolute)) {
            return;
        }
        Path parent = absolute.getParent();
        if (parent != null) {
            create(parent);
        }
        Files.createDirectories(absolute);
        if (parent != null) {
            force(parent);
        }
    }

    /** Puts the names in the directory on disk. */
    public static void force(Path directory) throws IOException {
        try (FileChannel handle = FileChannel.open(directory, StandardOpenOption.READ)) {
            handle.force(true);
        }
    }
}
