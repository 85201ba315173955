/** Stream groups as a service: which shard holds a group, its API, how far groups are behind. */
@NullMarked
package io.holdfast.node.stream;

import org.jspecify.annotations.NullMarked;
