package io.holdfast.storage.log;

/** Whose log it is; written at the head of each segment so that a misplaced file is noticed. */
public record LogIdentity(long topicId, int partition) {
    @Override
    public String toString() {
        return topicId + "/" + partition;
    }
}
