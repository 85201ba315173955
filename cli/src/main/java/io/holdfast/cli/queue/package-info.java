/** Queue groups on the command line. */
@NullMarked
package io.holdfast.cli.queue;

import org.jspecify.annotations.NullMarked;
