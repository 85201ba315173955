/** {@code holdfast quickstart}: shows on real processes that a killed leader loses nothing. */
@NullMarked
package io.holdfast.cli.quickstart;

import org.jspecify.annotations.NullMarked;
