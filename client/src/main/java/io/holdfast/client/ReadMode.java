package io.holdfast.client;

import com.google.protobuf.ByteString;
import io.holdfast.v1.ReadConsistency;
import java.time.Duration;

/** How fresh reads are, and so which replicas may serve them. */
public final class ReadMode {
    private final ReadConsistency consistency;

    private ReadMode(ReadConsistency consistency) {
        this.consistency = consistency;
    }

    /** From the leader; sees everything acknowledged before the read began. */
    public static ReadMode leader() {
        return new ReadMode(ReadConsistency.newBuilder().setLeader(true).build());
    }

    /** From any replica that has what the token has seen, such as {@link Producer#sessionToken}. */
    public static ReadMode session(ByteString token) {
        return new ReadMode(ReadConsistency.newBuilder().setSessionToken(token).build());
    }

    /** From any replica that is at most this far behind. */
    public static ReadMode maxStaleness(Duration bound) {
        return new ReadMode(ReadConsistency.newBuilder()
                .setMaxStaleness(com.google.protobuf.Duration.newBuilder()
                        .setSeconds(bound.getSeconds())
                        .setNanos(bound.getNano()))
                .build());
    }

    /** From any replica, as far as it has come. */
    public static ReadMode any() {
        return new ReadMode(ReadConsistency.newBuilder().setAny(true).build());
    }

    boolean needsLeader() {
        return consistency.hasLeader();
    }

    ReadConsistency consistency() {
        return consistency;
    }
}
