package io.holdfast.consensus.queue;

import java.util.concurrent.Executor;

/**
 * What the queues of all partitions of a node share.
 *
 * @param executor runs decisions, which may read from disk
 */
public record QueueResources(QueuePolicies policies, RecordCache cache, Executor executor) {}
