package io.holdfast.record;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class KeyHashTest {
    @Test
    void shouldMatchThePublishedVectors() {
        assertThat(KeyHash.of(new byte[0])).isEqualTo(0L);
        assertThat(KeyHash.of("test".getBytes(UTF_8))).isEqualTo(0xba6bd213L);
        assertThat(KeyHash.of("Hello, world!".getBytes(UTF_8))).isEqualTo(0xc0363e43L);
        assertThat(KeyHash.of("The quick brown fox jumps over the lazy dog".getBytes(UTF_8)))
                .isEqualTo(0x2e4ff723L);
    }

    @Test
    void shouldCutTheSpaceIntoRangesWithoutGapOrOverlap() {
        Random random = new Random(1);
        for (int partitions : new int[] {1, 2, 3, 7, 16, 100, 999, 10_000}) {
            long next = 0;
            for (int p = 0; p < partitions; p++) {
                assertThat(KeyHash.rangeFirst(p, partitions)).isEqualTo(next);
                assertThat(KeyHash.partition(next, partitions)).isEqualTo(p);
                assertThat(KeyHash.partition(KeyHash.rangeLast(p, partitions), partitions))
                        .isEqualTo(p);
                next = KeyHash.rangeLast(p, partitions) + 1;
            }
            assertThat(next).isEqualTo(1L << 32);
            long hash = random.nextLong() & 0xFFFF_FFFFL;
            int owner = KeyHash.partition(hash, partitions);
            assertThat(hash).isBetween(KeyHash.rangeFirst(owner, partitions), KeyHash.rangeLast(owner, partitions));
        }
    }
}
