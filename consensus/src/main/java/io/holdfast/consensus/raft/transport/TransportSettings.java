package io.holdfast.consensus.raft.transport;

import java.util.function.Predicate;
import org.apache.ratis.protocol.RaftGroupId;

/**
 * @param messageBytesMax largest message taken or sent, without its header
 * @param timeoutMs a request that is not answered in this time has failed
 * @param heartbeatTickMs how often is looked for heartbeats that are due
 * @param silenceMsMax a leader that a majority has not answered for as long steps down
 * @param openGroups which groups peers may speak to
 */
public record TransportSettings(
        String bindHost,
        int bindPort,
        int messageBytesMax,
        long timeoutMs,
        long heartbeatTickMs,
        long silenceMsMax,
        Predicate<RaftGroupId> openGroups) {
    static final String KEY = "holdfast.transport";
}
