package io.holdfast.storage.log;

import java.nio.ByteBuffer;
import org.jspecify.annotations.Nullable;

/**
 * A frame that is written and not yet applied.
 *
 * @param payloadPosition in the segment
 * @param payload its bytes while they are still in memory
 */
record PendingFrame(
        FrameId id,
        Segment segment,
        long payloadPosition,
        int length,
        @Nullable ByteBuffer payload) {
    long end() {
        return payloadPosition + length;
    }
}
