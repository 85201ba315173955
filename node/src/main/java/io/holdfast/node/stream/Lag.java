package io.holdfast.node.stream;

import com.google.protobuf.util.Durations;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.MeasureLagRequest;
import io.holdfast.internal.v1.MeasureLagResponse;
import io.holdfast.internal.v1.StreamNodeServiceGrpc;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.node.service.Errors;
import io.holdfast.node.service.Forwarder;
import io.holdfast.v1.Start;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.TopicPartition;
import java.util.concurrent.CompletableFuture;

/** How far groups are behind: asked of the partitions' leaders. Any thread. */
final class Lag {
    private final ClusterState state;
    private final LocalShards local;
    private final Forwarder forwarder;

    Lag(ClusterState state, LocalShards local, Forwarder forwarder) {
        this.state = state;
        this.local = local;
        this.forwarder = forwarder;
    }

    /** @param fresh whether the answer must know of all that was acknowledged before; else it may lag a little behind */
    CompletableFuture<MeasureLagResponse> measure(TopicPartition partition, Start position, boolean fresh) {
        GroupId group = state.group(partition.getTopic(), partition.getPartition());
        MeasureLagRequest request = MeasureLagRequest.newBuilder()
                .setTopicId(group.topicId())
                .setPartition(group.partition())
                .setPosition(position)
                .setFresh(fresh)
                .build();
        return forwarder.run(
                group,
                () -> local.measure(request),
                node -> StreamNodeServiceGrpc.newFutureStub(node).measureLag(request));
    }

    /** Adds what only the partition itself knows; never fails. */
    CompletableFuture<StreamPartition> complete(StreamPartition partition, Start start) {
        CompletableFuture<MeasureLagResponse> measured;
        try {
            measured = measure(partition.getPartition(), start, false);
        } catch (RuntimeException e) { // deleted meanwhile
            measured = CompletableFuture.failedFuture(e);
        }
        return measured.handle((facts, failure) -> failure != null
                ? partition.toBuilder().setError(Errors.item(failure)).build()
                : complete(partition, facts));
    }

    private static StreamPartition complete(StreamPartition partition, MeasureLagResponse facts) {
        long lag = facts.getEnd() - facts.getOffset();
        StreamPartition.Builder full = partition.toBuilder()
                .setLogStartOffset(facts.getLogStartOffset())
                .setEnd(facts.getEnd())
                .setLag(lag)
                .setProducedPerSecond(facts.getProducedPerSecond());
        if (facts.hasAgeMs()) {
            full.setLagTime(Durations.fromMillis(facts.getAgeMs()));
        }
        double gain = partition.getConsumedPerSecond() - facts.getProducedPerSecond();
        if (lag == 0) {
            full.setDrain(Durations.ZERO);
        } else if (gain > 0) {
            full.setDrain(Durations.fromMillis((long) (lag / gain * 1000)));
        }
        return full.build();
    }
}
