/** Real processes under load and faults, and checks that know nothing of the implementation. */
@NullMarked
package io.holdfast.chaos;

import org.jspecify.annotations.NullMarked;
