package io.holdfast.node.cluster;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.util.function.BooleanSupplier;

/** Looks whether anybody listens at a port. */
final class PortWatch {
    private static final int CONNECT_MS = 200;
    private static final int LOOKS = 20;
    private static final long BETWEEN_MS = 25;

    private PortWatch() {}

    /**
     * Whether nobody listens there, or nobody does after half a second at most. A kernel closes what a dead process had
     * open one after the other, and a connection may come before the port that it was accepted at. Blocks.
     *
     * @param isBack whether there is no more need to look
     */
    static boolean isDeserted(InetSocketAddress target, BooleanSupplier isBack) {
        for (int look = 0; look < LOOKS && !isBack.getAsBoolean(); look++) {
            try (Socket socket = new Socket()) {
                socket.connect(target, CONNECT_MS);
            } catch (ConnectException e) {
                return true;
            } catch (IOException e) {
                return false; // no answer: cut off, or too busy
            }
            try {
                Thread.sleep(BETWEEN_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return false;
            }
        }
        return false;
    }
}
