/** Commands about stream groups. */
@NullMarked
package io.holdfast.cli.stream;

import org.jspecify.annotations.NullMarked;
