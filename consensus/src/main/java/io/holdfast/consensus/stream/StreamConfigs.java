package io.holdfast.consensus.stream;

import com.google.protobuf.util.Durations;
import io.holdfast.v1.StreamConfig;

/** Settings of a group, as milliseconds. */
final class StreamConfigs {
    private StreamConfigs() {}

    static long sessionMs(StreamConfig config) {
        return Durations.toMillis(config.getSessionTimeout());
    }

    static long rebalanceMs(StreamConfig config) {
        return Durations.toMillis(config.getRebalanceTimeout());
    }
}
