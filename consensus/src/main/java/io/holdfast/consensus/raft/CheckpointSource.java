package io.holdfast.consensus.raft;

import io.holdfast.internal.v1.FetchCheckpointResponse;
import java.io.IOException;
import java.util.function.Consumer;

/** Where a replica that is too far behind gets a checkpoint from: another node, over the network. */
public interface CheckpointSource {
    /**
     * Calls back with the parts in order: start, chunks, end. Blocks until all have been taken.
     *
     * @throws IOException if the node cannot be reached, has no such checkpoint, or the callback failed
     */
    void fetch(int node, GroupId group, long minIndex, Consumer<FetchCheckpointResponse> part) throws IOException;
}
