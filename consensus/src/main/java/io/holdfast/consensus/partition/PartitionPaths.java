package io.holdfast.consensus.partition;

import io.holdfast.storage.log.DurableDirectory;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * Where a partition replica keeps its files: {@code log-N} with the segments, named by the checkpoint that is in force;
 * {@code copy} while another replica's checkpoint is being copied.
 *
 * @param root folder of this partition
 * @param raft folder of its Raft log, which Ratis owns
 */
record PartitionPaths(Path root, Path raft) {
    static final String FIRST_LOG_FOLDER = "log-0";
    private static final String COPY = "copy";

    static String logFolder(long index) {
        return "log-" + index;
    }

    Path log(String folder) {
        return root.resolve(folder);
    }

    /** To copy into. */
    Path copyFolder() {
        return root.resolve(COPY);
    }

    void emptyCopyFolder() throws IOException {
        deleteTree(copyFolder());
        DurableDirectory.create(copyFolder());
    }

    void moveCopyTo(String folder) throws IOException {
        // A folder of that name can only be one that an install left before its checkpoint was stored.
        deleteTree(log(folder));
        DurableDirectory.force(copyFolder());
        Files.move(copyFolder(), log(folder), StandardCopyOption.ATOMIC_MOVE);
    }

    /** Deletes what the stored checkpoint does not name: it has been replaced. */
    void deleteAllBut(String folder) throws IOException {
        try (DirectoryStream<Path> all = Files.newDirectoryStream(root)) {
            for (Path path : all) {
                if (!path.getFileName().toString().equals(folder)) {
                    deleteTree(path);
                }
            }
        }
    }

    static void deleteTree(Path tree) throws IOException {
        if (!Files.exists(tree)) {
            return;
        }
        Files.walkFileTree(tree, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                    Path directory, java.io.@org.jspecify.annotations.Nullable IOException e) throws IOException {
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}
