package io.holdfast.consensus.queue;

import io.holdfast.consensus.Timer;
import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

/**
 * What the queues of all partitions of a node share.
 *
 * @param executor runs decisions, which may read from disk
 * @param timer hands over to the executor what is due later
 * @param sharesEntries whether all nodes understand entries with appends and a queue command in one
 */
public record QueueResources(
        QueuePolicies policies, RecordCache cache, Executor executor, Timer timer, BooleanSupplier sharesEntries) {}
