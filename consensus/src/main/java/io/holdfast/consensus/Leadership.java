package io.holdfast.consensus;

/** What a replica knows of who leads its group. */
public interface Leadership {
    /** Whether this replica leads, and has applied all that earlier leaders wrote. */
    boolean leads();

    /** Raft's current term, as this replica knows it. */
    long term();

    /** The refusal of a replica that does not lead. */
    Refusal notLeader();
}
