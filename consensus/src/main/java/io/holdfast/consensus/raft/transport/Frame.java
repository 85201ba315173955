package io.holdfast.consensus.raft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufAllocator;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.com.google.protobuf.CodedOutputStream;
import org.apache.ratis.thirdparty.com.google.protobuf.InvalidProtocolBufferException;
import org.apache.ratis.thirdparty.com.google.protobuf.MessageLite;
import org.apache.ratis.thirdparty.com.google.protobuf.Parser;

/**
 * One message on a connection: {@code length (4) kind (1) call (8) body (length - 9)}, big-endian. A connection starts
 * with {@link #PREAMBLE} from the caller; then requests go one way and answers the other, each with the call of its
 * request. The body belongs to the reader of the connection, and is good only until the frame has been handled.
 */
record Frame(Kind kind, long call, ByteString body) {
    /** "HFRAFT" and version 1. */
    static final long PREAMBLE = 0x4846_5241_4654_0001L;

    static final int HEADER_BYTES = 13;
    /** What the length counts besides the body. */
    static final int LENGTH_OVERHEAD = 9;

    /** The order is the number on the wire. */
    enum Kind {
        APPEND,
        VOTE,
        ELECT,
        INSTALL,
        READ_INDEX,
        ANSWER,
        FAILURE;

        private static final Kind[] ALL = values();

        static Kind of(int number) throws IOException {
            if (number < 0 || number >= ALL.length) {
                throw new IOException("there is no kind of message " + number);
            }
            return ALL[number];
        }
    }

    /** The message as bytes to send: the only copy that is made of a payload on its way out. */
    static ByteBuf encode(ByteBufAllocator allocator, Kind kind, long call, MessageLite body) {
        int size = body.getSerializedSize();
        ByteBuf bytes = header(allocator, kind, call, size);
        boolean encoded = false;
        try {
            CodedOutputStream out = CodedOutputStream.newInstance(bytes.nioBuffer(HEADER_BYTES, size));
            body.writeTo(out);
            out.checkNoSpaceLeft();
            bytes.writerIndex(HEADER_BYTES + size);
            encoded = true;
            return bytes;
        } catch (IOException e) {
            throw new UncheckedIOException("a message that grew while it was written", e);
        } finally {
            if (!encoded) {
                bytes.release();
            }
        }
    }

    static ByteBuf failure(ByteBufAllocator allocator, long call, Throwable cause) {
        String message = cause.getMessage() == null ? cause.toString() : cause.getMessage();
        byte[] text = message.getBytes(StandardCharsets.UTF_8);
        return header(allocator, Kind.FAILURE, call, text.length).writeBytes(text);
    }

    private static ByteBuf header(ByteBufAllocator allocator, Kind kind, long call, int bodyBytes) {
        return allocator
                .directBuffer(HEADER_BYTES + bodyBytes)
                .writeInt(LENGTH_OVERHEAD + bodyBytes)
                .writeByte(kind.ordinal())
                .writeLong(call);
    }

    /**
     * The message, all copied out of the frame. A slice would be cheaper and wrong: the Raft log keeps the few bytes of
     * an entry's header in memory, and would keep the whole frame with them.
     */
    <T> T parse(Parser<T> parser) throws InvalidProtocolBufferException {
        return parser.parseFrom(body.newCodedInput());
    }

    String text() {
        return body.toStringUtf8();
    }
}
