/** What clients asked and were told, and what was done to the cluster meanwhile: one line of JSON an event. */
@NullMarked
package io.holdfast.chaos.history;

import org.jspecify.annotations.NullMarked;
