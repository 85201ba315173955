/** {@code holdfast chaos} and {@code holdfast verify}. */
@NullMarked
package io.holdfast.chaos.command;

import org.jspecify.annotations.NullMarked;
