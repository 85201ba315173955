/** Records whose time has not come: the service that lists and cancels them, and the time that passes for them. */
@NullMarked
package io.holdfast.node.schedule;

import org.jspecify.annotations.NullMarked;
