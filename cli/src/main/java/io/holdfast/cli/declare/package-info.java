/** Topics and groups as a file says. */
@NullMarked
package io.holdfast.cli.declare;

import org.jspecify.annotations.NullMarked;
