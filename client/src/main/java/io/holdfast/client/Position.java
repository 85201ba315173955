package io.holdfast.client;

import com.google.protobuf.Timestamp;
import io.holdfast.v1.Start;
import java.time.Instant;

/** A place in a partition. */
public final class Position {
    private final Start start;

    private Position(Start start) {
        this.start = start;
    }

    /** The first record that is kept. */
    public static Position earliest() {
        return new Position(Start.newBuilder().setEarliest(true).build());
    }

    /** After the last record there is. */
    public static Position latest() {
        return new Position(Start.newBuilder().setLatest(true).build());
    }

    public static Position offset(long offset) {
        return new Position(Start.newBuilder().setOffset(offset).build());
    }

    /** The first record appended at or after this instant. */
    public static Position time(Instant instant) {
        return new Position(Start.newBuilder()
                .setTime(Timestamp.newBuilder()
                        .setSeconds(instant.getEpochSecond())
                        .setNanos(instant.getNano()))
                .build());
    }

    /** As the API says it. */
    public Start start() {
        return start;
    }
}
