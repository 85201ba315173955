/** The node's state tables: small rows of all partitions, in one RocksDB. */
@NullMarked
package io.holdfast.storage.state;

import org.jspecify.annotations.NullMarked;
