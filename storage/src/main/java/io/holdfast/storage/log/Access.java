package io.holdfast.storage.log;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** What a file of a log is opened for. */
enum Access {
    /** To go on writing it, for one at a time; what no checkpoint vouches for is dropped first. */
    WRITE,
    /** To read what a checkpoint vouches for, beside whoever may be writing. */
    READ;

    FileChannel open(Path file) throws IOException {
        return this == WRITE
                ? FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE)
                : FileChannel.open(file, StandardOpenOption.READ);
    }

    /**
     * Opens a file of which a checkpoint vouches for the beginning.
     *
     * @throws DamagedLogException if it is shorter than that
     */
    FileChannel open(Path file, long bytes) throws IOException {
        FileChannel channel = open(file);
        boolean opened = false;
        try {
            long size = channel.size();
            if (size < bytes) {
                throw new DamagedLogException(file + " has " + size + " bytes, the checkpoint knows of " + bytes);
            }
            if (this == WRITE) {
                channel.truncate(bytes);
            }
            opened = true;
            return channel;
        } finally {
            if (!opened) {
                channel.close();
            }
        }
    }
}
