package io.holdfast.storage.log;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;

/**
 * The frames of all entries that the Raft log holds past a checkpoint.
 *
 * @param required those that must be found
 * @param kept those whose payload the Raft log holds too
 */
public record ExpectedFrames(Collection<FrameId> required, Collection<FrameId> kept, Keeper keeper) {
    /** There are none. */
    public static final ExpectedFrames NONE = of(List.of());

    /** Has the payloads of {@link #kept} frames. */
    public interface Keeper {
        /** Gives those of the wanted frames, in the order of their Raft indexes. */
        void read(Set<FrameId> wanted, BiConsumer<FrameId, ByteBuffer> to) throws IOException;
    }

    /** All must be found. */
    public static ExpectedFrames of(Collection<FrameId> required) {
        return new ExpectedFrames(required, List.of(), (wanted, to) -> {});
    }
}
