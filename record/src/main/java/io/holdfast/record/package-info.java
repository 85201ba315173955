/**
 * Records, the batches they travel in, and the hash that places keys: what clients and nodes must agree on byte by
 * byte. Pure functions over bytes; no I/O, no threads.
 */
@NullMarked
package io.holdfast.record;

import org.jspecify.annotations.NullMarked;
