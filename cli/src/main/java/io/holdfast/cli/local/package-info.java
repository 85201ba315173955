/** Clusters of real processes on this machine: for {@code holdfast up}, the quickstart, and tests that kill nodes. */
@NullMarked
package io.holdfast.cli.local;

import org.jspecify.annotations.NullMarked;
