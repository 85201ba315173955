package io.holdfast.consensus.stream;

import java.util.concurrent.Executor;

/**
 * What the shards of a node share.
 *
 * @param executor runs decisions
 */
public record StreamResources(TopicSource topics, Executor executor) {}
