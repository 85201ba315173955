/** Key compaction: which records later ones of their keys have superseded, and what a partition knows of it. */
@org.jspecify.annotations.NullMarked
package io.holdfast.consensus.compaction;
