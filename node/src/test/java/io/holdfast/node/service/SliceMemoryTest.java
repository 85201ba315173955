package io.holdfast.node.service;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

class SliceMemoryTest {
    private final SliceMemory memory = new SliceMemory(100, 2);

    @Test
    void shouldUseABufferAgainWhenNobodyReadsItAnyMoreAndNotBefore() {
        ByteBuffer first;
        try (SliceMemory.Lease lease = memory.lease()) {
            first = lease.take(60);
            assertThat(first.remaining()).isEqualTo(60);
            first.put(new byte[60]);
            try (SliceMemory.Lease other = memory.lease()) {
                assertThat(other.take(60).array()).isNotSameAs(first.array());
            }
        }
        try (SliceMemory.Lease one = memory.lease();
                SliceMemory.Lease two = memory.lease()) {
            ByteBuffer a = one.take(100);
            ByteBuffer b = two.take(10);
            assertThat(a.array()).isNotSameAs(b.array());
            assertThat(first.array()).isIn(a.array(), b.array());
            assertThat(a.remaining()).isEqualTo(100);
            assertThat(b.remaining()).isEqualTo(10);
        }
    }

    @Test
    void shouldNotKeepWhatIsLargerOrMoreThanItMay() {
        ByteBuffer large;
        try (SliceMemory.Lease lease = memory.lease()) {
            large = lease.take(101);
            assertThat(large.remaining()).isEqualTo(101);
            for (int i = 0; i < 3; i++) {
                lease.take(100);
            }
        }
        assertThat(memory.kept()).isEqualTo(2);
        try (SliceMemory.Lease lease = memory.lease()) {
            assertThat(lease.take(101).array()).isNotSameAs(large.array());
        }
    }
}
