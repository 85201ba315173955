package io.holdfast.node.service;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Timestamp;
import io.holdfast.consensus.Refusal;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.SeenPartition;
import io.holdfast.internal.v1.SessionToken;
import io.holdfast.node.cluster.ClusterState;
import io.holdfast.v1.ResponseHeader;

/** Response headers and the session tokens in them. */
public final class Headers {
    private final ClusterState state;

    Headers(ClusterState state) {
        this.state = state;
    }

    public ResponseHeader.Builder header() {
        return ResponseHeader.newBuilder()
                .setClusterId(state.clusterId())
                .setNodeId(state.nodeId())
                .setRouteVersion(state.version());
    }

    /** A token that has seen what the old one has, and this partition up to this offset. */
    static ByteString token(ByteString old, GroupId group, long nextOffset) {
        SessionToken.Builder token = SessionToken.newBuilder();
        long seen = nextOffset;
        for (SeenPartition partition : parse(old).getSeenList()) {
            if (isOf(partition, group)) {
                seen = Math.max(seen, partition.getNextOffset());
            } else {
                token.addSeen(partition);
            }
        }
        token.addSeen(SeenPartition.newBuilder()
                .setTopicId(group.topicId())
                .setPartition(group.partition())
                .setNextOffset(seen));
        return token.build().toByteString();
    }

    /** How far the token has seen a partition; 0 if not at all. */
    static long seen(ByteString token, GroupId group) {
        long seen = 0; // clients may join tokens by writing one behind the other
        for (SeenPartition partition : parse(token).getSeenList()) {
            if (isOf(partition, group)) {
                seen = Math.max(seen, partition.getNextOffset());
            }
        }
        return seen;
    }

    private static boolean isOf(SeenPartition partition, GroupId group) {
        return partition.getTopicId() == group.topicId() && partition.getPartition() == group.partition();
    }

    private static SessionToken parse(ByteString token) {
        try {
            return SessionToken.parseFrom(token);
        } catch (InvalidProtocolBufferException e) {
            throw Refusal.invalid("give back a session token as it came: this one is not one of ours");
        }
    }

    public static Timestamp timestamp(long millis) {
        return Timestamp.newBuilder()
                .setSeconds(Math.floorDiv(millis, 1000L))
                .setNanos((int) Math.floorMod(millis, 1000L) * 1_000_000)
                .build();
    }

    public static long millis(Timestamp timestamp) {
        return timestamp.getSeconds() * 1000 + timestamp.getNanos() / 1_000_000;
    }
}
