package io.holdfast.chaos.arena;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Set;

/**
 * A cluster whose nodes can be hurt. Nodes have numbers from 1 on; {@link #CLIENTS} is where the clients are. A method
 * returns when the fault has taken hold, and throws {@link IOException} if it cannot be made to, or {@link
 * UnsupportedOperationException} if {@link #abilities} does not have it. Used by one thread at a time, but for reading.
 */
public interface Arena extends AutoCloseable {
    int CLIENTS = 0;

    /** One or two words for reports. */
    String kind();

    Set<Ability> abilities();

    List<Integer> nodes();

    /** Where clients reach a node. */
    String address(int node);

    Path dataDirectory(int node);

    boolean isRunning(int node);

    /** Starts a node's process; does not wait until it serves. */
    void start(int node) throws IOException;

    void awaitReady(int node, Duration patience) throws IOException;

    void kill(int node) throws IOException;

    /** Asks the process to hand over and end, and waits. */
    void stop(int node) throws IOException;

    void pause(int node) throws IOException;

    void goOn(int node) throws IOException;

    /** From now on nothing that one side sends reaches the other; silently. The other direction stays. */
    void cut(int from, int to) throws IOException;

    void join(int from, int to) throws IOException;

    /**
     * Puts a wire between a node and all others, clients too; {@link Wire#GOOD} takes it away.
     *
     * @param seed for what it does by chance
     */
    void rewire(int node, Wire wire, long seed) throws IOException;

    /**
     * Kills nodes at the same time, and takes back what they had written and not flushed.
     *
     * @param tornBy seed: of the writes not flushed to a file the first ones stay, as many as come out, and one of them in
     *     half; 0 if all are lost
     * @return how many writes were lost, over all
     */
    int cutPower(Set<Integer> nodes, long tornBy) throws IOException;

    /** Moves a node's time of day. */
    void moveClock(int node, Duration by) throws IOException;

    /** Makes each flush of a node take so much longer. */
    void slowSyncs(int node, Duration by) throws IOException;

    /** Makes each flush of a node fail from now on, until it is started again. */
    void failSyncs(int node) throws IOException;

    /** Leaves at most so many bytes free where a node's data are. */
    void fillDisk(int node, long bytesLeft) throws IOException;

    void freeDisk(int node) throws IOException;

    /** Takes a killed node's data away; it will join the others as one that has nothing. */
    void wipe(int node) throws IOException;

    /** A further node, which joins the others. Not started. */
    int add() throws IOException;

    /** Kills what runs and takes the arena down; folders stay. */
    @Override
    void close();
}
