package io.holdfast.consensus.queue;

import java.util.concurrent.Executor;
import java.util.function.BooleanSupplier;

/**
 * What the queues of all partitions of a node share.
 *
 * @param executor runs decisions, which may read from disk
 * @param sharesEntries whether all nodes understand entries with appends and a queue command in one
 */
public record QueueResources(
        QueuePolicies policies, RecordCache cache, Executor executor, BooleanSupplier sharesEntries) {}
