/** Copies of a cluster's records, groups and settings in a folder, and back. */
@NullMarked
package io.holdfast.cli.backup;

import org.jspecify.annotations.NullMarked;
