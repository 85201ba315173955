/** Queue groups: the services, the way to the partitions' leaders, dead letters. */
@NullMarked
package io.holdfast.node.queue;

import org.jspecify.annotations.NullMarked;
