/** The metadata group: nodes, topics, assignments, producer ids. */
@NullMarked
package io.holdfast.consensus.metadata;

import org.jspecify.annotations.NullMarked;
