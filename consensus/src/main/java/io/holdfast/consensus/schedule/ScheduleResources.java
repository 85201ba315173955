package io.holdfast.consensus.schedule;

import java.util.concurrent.Executor;
import java.util.function.LongConsumer;
import java.util.function.LongSupplier;

/**
 * What the schedules of all partitions of a node share.
 *
 * @param executor reads what is due from disk
 * @param clockMs wall clock
 * @param lateness hears of each record that the node appends how many milliseconds after its time that was
 */
public record ScheduleResources(Executor executor, LongSupplier clockMs, LongConsumer lateness) {}
