package io.holdfast.storage.log;

/** The Raft entry that a frame belongs to. */
public record FrameId(long index, long term) {}
