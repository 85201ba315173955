/** Loads on a running cluster. */
@NullMarked
package io.holdfast.cli.bench;

import org.jspecify.annotations.NullMarked;
