/** What a node knows of the others: formation, metadata, routes, channels; and what it does about its replicas. */
@NullMarked
package io.holdfast.node.cluster;

import org.jspecify.annotations.NullMarked;
