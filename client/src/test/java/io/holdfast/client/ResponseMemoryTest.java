package io.holdfast.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.grpc.KnownLength;
import io.grpc.StatusRuntimeException;
import io.holdfast.v1.ReadResponse;
import io.holdfast.v1.ReadStreamResponse;
import java.io.ByteArrayInputStream;
import org.junit.jupiter.api.Test;

class ResponseMemoryTest {
    private final ResponseMemory memory = new ResponseMemory();

    private static final class Message extends ByteArrayInputStream implements KnownLength {
        Message(byte[] bytes) {
            super(bytes);
        }
    }

    private static ReadStreamResponse response(int bytes, int fill) {
        byte[] batches = new byte[bytes];
        java.util.Arrays.fill(batches, (byte) fill);
        return ReadStreamResponse.newBuilder()
                .setResponse(ReadResponse.newBuilder()
                        .setBatches(ByteString.copyFrom(batches))
                        .setNextOffset(fill))
                .build();
    }

    private ResponseMemory.Received receive(ReadStreamResponse response) {
        return memory.parse(new Message(response.toByteArray()));
    }

    @Test
    void shouldReceiveIntoTheSameMemoryAgainWhenAResponseIsDoneWithAndNotBefore() {
        ReadStreamResponse one = response(1000, 1);
        ReadStreamResponse two = response(2000, 2);
        ResponseMemory.Received first = receive(one);
        ResponseMemory.Received second = receive(two);
        assertThat(first.array()).isNotNull().isNotSameAs(second.array());
        assertThat(first.response()).isEqualTo(one);
        assertThat(second.response()).isEqualTo(two);

        memory.giveBack(first);
        ResponseMemory.Received third = receive(response(1000, 3));
        assertThat(third.array()).isSameAs(first.array());
        assertThat(third.response()).isEqualTo(response(1000, 3));
        assertThat(second.response()).isEqualTo(two);
        assertThat(first.response()).as("it was not copied").isNotEqualTo(one);
    }

    @Test
    void shouldReceiveWhatIsLargerElsewhere() {
        ReadStreamResponse large = response(2 << 20, 4);
        ResponseMemory.Received received = receive(large);
        assertThat(received.array()).isNull();
        assertThat(received.response()).isEqualTo(large);
        memory.giveBack(received);
    }

    @Test
    void shouldSayThatAResponseCannotBeParsed() {
        byte[] cut = java.util.Arrays.copyOf(response(1000, 5).toByteArray(), 500);
        assertThatThrownBy(() -> memory.parse(new Message(cut))).isInstanceOf(StatusRuntimeException.class);
    }
}
