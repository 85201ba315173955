/** Judges of histories. They know the format of a history and the promises, and nothing of Holdfast. */
@NullMarked
package io.holdfast.chaos.check;

import org.jspecify.annotations.NullMarked;
