package io.holdfast.node.cluster;

import com.google.protobuf.UnsafeByteOperations;
import io.grpc.StatusRuntimeException;
import io.holdfast.consensus.raft.CheckpointSource;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.FetchCheckpointRequest;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.NodeServiceGrpc;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Iterator;
import java.util.function.Consumer;
import java.util.function.IntFunction;

/** Fetches checkpoints from other nodes over their API port. */
public final class RemoteCheckpoints implements CheckpointSource {
    private final NodeChannels channels;
    private final IntFunction<String> addressOf;

    public RemoteCheckpoints(NodeChannels channels, IntFunction<String> addressOf) {
        this.channels = channels;
        this.addressOf = addressOf;
    }

    @Override
    public void fetch(int node, GroupId group, long minIndex, Consumer<FetchCheckpointResponse> part)
            throws IOException {
        String address = addressOf.apply(node);
        if (address.isEmpty()) {
            throw new IOException("the address of node " + node + " is not known");
        }
        try {
            Iterator<FetchCheckpointResponse> parts = NodeServiceGrpc.newBlockingStub(channels.to(address))
                    .fetchCheckpoint(FetchCheckpointRequest.newBuilder()
                            .setGroupId(UnsafeByteOperations.unsafeWrap(group.bytes()))
                            .setMinIndex(minIndex)
                            .build());
            while (parts.hasNext()) {
                part.accept(parts.next());
            }
        } catch (StatusRuntimeException | UncheckedIOException e) {
            throw new IOException("node " + node + ": " + e.getMessage(), e);
        }
    }
}
