package io.holdfast.client;

import com.google.protobuf.CodedInputStream;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.holdfast.v1.LogServiceGrpc;
import io.holdfast.v1.ReadStreamRequest;
import io.holdfast.v1.ReadStreamResponse;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import org.jspecify.annotations.Nullable;

/**
 * Arrays that responses to reads are received into, and used again once their records are decoded. A response is not copied
 * out of them, as gRPC's own marshaller does. Any thread.
 */
final class ResponseMemory implements MethodDescriptor.Marshaller<ResponseMemory.Received> {
    /** Holds what a node sends at once, unless a batch is larger. */
    private static final int ARRAY_BYTES = (1 << 20) + (64 << 10);

    private final BlockingQueue<byte[]> free =
            new ArrayBlockingQueue<>(2 * Runtime.getRuntime().availableProcessors());
    private final MethodDescriptor<ReadStreamRequest, Received> method;

    ResponseMemory() {
        MethodDescriptor<ReadStreamRequest, ReadStreamResponse> plain = LogServiceGrpc.getReadStreamMethod();
        method = plain.toBuilder(plain.getRequestMarshaller(), this).build();
    }

    /** ReadStream, with responses in this memory. */
    MethodDescriptor<ReadStreamRequest, Received> method() {
        return method;
    }

    /**
     * @param response to be read before {@link #giveBack} only
     * @param array null if it is not to be used again
     */
    record Received(ReadStreamResponse response, byte @Nullable [] array) {}

    void giveBack(Received received) {
        byte[] array = received.array();
        if (array != null) {
            free.offer(array);
        }
    }

    @Override
    public Received parse(InputStream stream) {
        try {
            int size = stream instanceof KnownLength ? stream.available() : Integer.MAX_VALUE;
            if (size > ARRAY_BYTES) {
                return new Received(ReadStreamResponse.parseFrom(stream), null);
            }
            byte[] kept = free.poll();
            byte[] array = kept == null ? new byte[ARRAY_BYTES] : kept;
            int read = stream.readNBytes(array, 0, size);
            CodedInputStream in =
                    UnsafeByteOperations.unsafeWrap(array, 0, read).newCodedInput();
            in.enableAliasing(true);
            return new Received(ReadStreamResponse.parseFrom(in), array);
        } catch (IOException e) {
            throw Status.INTERNAL
                    .withDescription("a response cannot be parsed")
                    .withCause(e)
                    .asRuntimeException();
        }
    }

    @Override
    public InputStream stream(Received value) {
        return value.response().toByteString().newInput();
    }
}
