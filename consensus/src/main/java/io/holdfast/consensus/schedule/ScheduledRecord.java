package io.holdfast.consensus.schedule;

import java.nio.ByteBuffer;

/**
 * A record that is kept for later.
 *
 * @param batch the record, as the only one of a batch
 */
public record ScheduledRecord(SchedulePosition position, ByteBuffer batch) {}
