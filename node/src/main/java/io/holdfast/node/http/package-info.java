/** Health and metrics over plain HTTP. */
@NullMarked
package io.holdfast.node.http;

import org.jspecify.annotations.NullMarked;
