/**
 * One partition's bytes on disk. {@link io.holdfast.storage.log.PartitionLog} is the only way in; below it a log is a
 * list of {@link io.holdfast.storage.log.Segment}s, each a file of frames (one per Raft entry) and a
 * {@link io.holdfast.storage.log.BatchIndex} that says which batches in those frames are records, and under which
 * offsets.
 */
@NullMarked
package io.holdfast.storage.log;

import org.jspecify.annotations.NullMarked;
