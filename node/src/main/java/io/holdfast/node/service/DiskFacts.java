package io.holdfast.node.service;

/** Of the disk that has the data directory. Any thread. */
public interface DiskFacts {
    /** Whether writes must be refused for want of space. */
    boolean isNearlyFull();

    long freeBytes();

    /** 0 if it cannot be found out. */
    long totalBytes();
}
