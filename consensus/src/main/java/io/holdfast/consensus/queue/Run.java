package io.holdfast.consensus.queue;

/** Offsets [from, to) that have one status. */
record Run(long from, long to, Status status) {
    long length() {
        return to - from;
    }
}
