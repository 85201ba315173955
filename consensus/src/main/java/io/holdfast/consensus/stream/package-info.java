/** Stream groups: replicated membership, ownership and offsets; the leader's sessions; who should own what. */
@NullMarked
package io.holdfast.consensus.stream;

import org.jspecify.annotations.NullMarked;
