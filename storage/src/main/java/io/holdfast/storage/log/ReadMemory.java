package io.holdfast.storage.log;

import java.nio.ByteBuffer;

/** Gives the memory that a slice is read into. */
@FunctionalInterface
public interface ReadMemory {
    /** New memory for each slice, the caller's to keep. */
    ReadMemory FRESH = ByteBuffer::allocate;

    /** A buffer with an array, from position 0 to a limit of so many bytes; what is in it means nothing. */
    ByteBuffer take(int bytes);
}
