/** The process: {@link io.holdfast.node.Node} starts its parts in order and stops them in reverse. */
@NullMarked
package io.holdfast.node;

import org.jspecify.annotations.NullMarked;
