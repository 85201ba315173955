package io.holdfast.cli.backup;

import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * Where backups are kept: files with names like {@code backups/x.json}, each there whole and to last, or not at all, and never
 * changed after. Its {@code toString} is the place as a user names it. May be used by several threads.
 */
interface BackupStore extends Closeable {
    /** Kept while a backup is made, so that no other is. */
    interface Hold extends Closeable {
        /** @throws IOException if it was lost, and another backup may be under way */
        void check() throws IOException;
    }

    /** @throws io.holdfast.node.config.ConfigException if another backup is being made */
    Hold hold() throws IOException;

    /** Whether nothing is there, of ours or others'. */
    boolean isEmpty() throws IOException;

    boolean has(String name) throws IOException;

    /** Names, without the folder, of the files right in a folder; none if there is no such folder. */
    List<String> list(String folder) throws IOException;

    /** @throws java.nio.file.NoSuchFileException if it is not there */
    InputStream open(String name) throws IOException;

    /** A local file to be written and then {@link #put} into this folder; deleted by who does not put it. One per folder at a time. */
    Path scratch(String folder) throws IOException;

    /** Makes what was written the file of this name, flushed and on disk there on return, and gone here. */
    void put(Path written, String name) throws IOException;

    /** That a file of this name is in. */
    default String folder(String name) {
        return name.substring(0, name.lastIndexOf('/') + 1);
    }

    default void put(byte[] bytes, String name) throws IOException {
        Path scratch = scratch(folder(name));
        try (FileChannel channel = FileChannel.open(
                scratch, StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE)) {
            ByteBuffer left = ByteBuffer.wrap(bytes);
            while (left.hasRemaining()) {
                channel.write(left);
            }
        }
        put(scratch, name);
    }
}
