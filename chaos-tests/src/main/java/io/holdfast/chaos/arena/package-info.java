/** Places where nodes run and what can be done to them there, so that a scenario need not know. */
@NullMarked
package io.holdfast.chaos.arena;

import org.jspecify.annotations.NullMarked;
