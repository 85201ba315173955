/** Reads what the node has on disk, so that damage is found while the other replicas are well. */
@NullMarked
package io.holdfast.node.scrub;

import org.jspecify.annotations.NullMarked;
