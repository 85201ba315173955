/** Looks for what is wrong, or will be, and says what to do about it. */
@NullMarked
package io.holdfast.cli.doctor;

import org.jspecify.annotations.NullMarked;
