/** The {@code holdfast} command: one class per command group. */
@NullMarked
package io.holdfast.cli;

import org.jspecify.annotations.NullMarked;
