package io.holdfast.node.cluster;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Whether anybody listens at a port. */
@Timeout(30)
class PortWatchTest {
    @Test
    void shouldSeeAtOnceThatNobodyListens() throws IOException {
        ServerSocket port = open();
        port.close();
        assertThat(PortWatch.isDeserted(address(port), () -> false)).isTrue();
    }

    @Test
    void shouldSeeThatAPortClosesAMomentLater() throws IOException {
        try (ServerSocket port = open()) {
            AtomicInteger looks = new AtomicInteger();

            boolean deserted = PortWatch.isDeserted(address(port), () -> {
                if (looks.incrementAndGet() == 4) {
                    close(port);
                }
                return false;
            });

            assertThat(deserted).isTrue();
        }
    }

    @Test
    void shouldSeeThatSomebodyListens() throws IOException {
        try (ServerSocket port = open()) {
            assertThat(PortWatch.isDeserted(address(port), () -> false)).isFalse();
        }
    }

    @Test
    void shouldStopLookingWhenTheNodeIsBack() throws IOException {
        ServerSocket port = open();
        port.close();
        assertThat(PortWatch.isDeserted(address(port), () -> true)).isFalse();
    }

    private static ServerSocket open() throws IOException {
        return new ServerSocket(0, 50, InetAddress.getLoopbackAddress());
    }

    private static InetSocketAddress address(ServerSocket port) {
        return new InetSocketAddress(port.getInetAddress(), port.getLocalPort());
    }

    private static void close(ServerSocket port) {
        try {
            port.close();
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }
}
