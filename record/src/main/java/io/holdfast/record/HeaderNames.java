package io.holdfast.record;

/** Names of the record headers that mean something to us. */
public final class HeaderNames {
    /** How long after its append a queue group may get the record: milliseconds, in decimal. */
    public static final String TTL_MS = "holdfast-ttl-ms";

    /** Not in the log before this time: milliseconds since 1970, in decimal. */
    public static final String DELIVER_AT_MS = "holdfast-deliver-at-ms";

    /** By what a topic with a dedup window knows a record again: any bytes. */
    public static final String MESSAGE_ID = "holdfast-message-id";

    /** The higher the earlier, for queue groups that look at it: one digit. */
    public static final String PRIORITY = "holdfast-priority";

    /** Begins the headers of a dead letter, which say where it comes from (docs/semantics.md). */
    public static final String DEAD_LETTER_PREFIX = "holdfast-dlq-";

    /** On what stands for a record whose batch cannot be decoded: why not. */
    public static final String UNDECODABLE = "holdfast-undecodable";

    private HeaderNames() {}
}
