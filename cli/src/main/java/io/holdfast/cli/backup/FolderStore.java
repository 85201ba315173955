package io.holdfast.cli.backup;

import io.holdfast.node.config.ConfigException;
import io.holdfast.storage.log.DurableDirectory;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.stream.Stream;

/** Backups in a folder of this machine. */
final class FolderStore implements BackupStore {
    private final Path root;

    FolderStore(Path root) {
        this.root = root;
    }

    @Override
    public Hold hold() throws IOException {
        DurableDirectory.create(root);
        FileChannel channel =
                FileChannel.open(root.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        if (channel.tryLock() == null) {
            channel.close();
            throw new ConfigException("wait: another backup is being made in " + root);
        }
        return new Hold() {
            @Override
            public void check() {} // the kernel keeps it for as long as this process lives

            @Override
            public void close() throws IOException {
                channel.close();
            }
        };
    }

    @Override
    public boolean isEmpty() throws IOException {
        if (!Files.exists(root)) {
            return true;
        }
        try (Stream<Path> files = Files.list(root)) {
            return files.findAny().isEmpty();
        }
    }

    @Override
    public boolean has(String name) {
        return Files.isRegularFile(root.resolve(name));
    }

    @Override
    public List<String> list(String folder) throws IOException {
        Path path = root.resolve(folder);
        if (!Files.isDirectory(path)) {
            return List.of();
        }
        try (Stream<Path> files = Files.list(path)) {
            return files.filter(Files::isRegularFile)
                    .map(file -> file.getFileName().toString())
                    .toList();
        }
    }

    @Override
    public InputStream open(String name) throws IOException {
        return Files.newInputStream(root.resolve(name));
    }

    @Override
    public Path scratch(String folder) throws IOException {
        Path path = root.resolve(folder);
        DurableDirectory.create(path);
        return path.resolve("unfinished.tmp");
    }

    @Override
    public void put(Path written, String name) throws IOException {
        try (FileChannel channel = FileChannel.open(written, StandardOpenOption.WRITE)) {
            channel.force(true);
        }
        Files.move(written, root.resolve(name), StandardCopyOption.ATOMIC_MOVE);
        DurableDirectory.force(root.resolve(folder(name)));
    }

    @Override
    public void close() {}

    @Override
    public String toString() {
        return root.toString();
    }
}
