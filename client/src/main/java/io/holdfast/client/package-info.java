/**
 * The Java client: {@link io.holdfast.client.HoldfastClient} makes {@link io.holdfast.client.Producer}s,
 * {@link io.holdfast.client.Reader}s and an {@link io.holdfast.client.Admin}. It knows the routes and goes straight to
 * the node that leads a partition.
 */
@NullMarked
package io.holdfast.client;

import org.jspecify.annotations.NullMarked;
