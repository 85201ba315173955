package io.holdfast.chaos.arena;

/** A kind of faults that an arena may or may not have. */
public enum Ability {
    /** SIGKILL, SIGSTOP, SIGCONT, and stopping in order. */
    PROCESSES("kill and pause processes"),
    /** Cutting one direction of the way between two nodes, or a node and the clients. */
    LINKS("cut links between nodes"),
    /** Packets from and to a node that take their time, get lost, come twice or overtake each other. */
    PACKETS("delay, lose, double and reorder packets"),
    /** Changing files of a node that is down. */
    FILES("damage files"),
    /** Killing a node so that what it had not flushed is gone. */
    POWER("lose what was not flushed"),
    /** Setting the time of day of one node. */
    CLOCK("set the clock of a node"),
    /** Slow and failing flushes. */
    SYNCS("slow flushes down, or fail them"),
    /** A data directory that can be filled up. */
    SMALL_DISK("fill a disk");

    private final String words;

    Ability(String words) {
        this.words = words;
    }

    /** What one can do with it. */
    public String words() {
        return words;
    }
}
