/** Settings: from file, environment and flags to checked, immutable records. */
@NullMarked
package io.holdfast.node.config;

import org.jspecify.annotations.NullMarked;
