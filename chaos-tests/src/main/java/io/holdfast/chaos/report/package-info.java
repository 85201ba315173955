/** What a run looked like, for people. */
@NullMarked
package io.holdfast.chaos.report;

import org.jspecify.annotations.NullMarked;
