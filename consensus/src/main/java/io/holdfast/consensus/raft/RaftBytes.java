package io.holdfast.consensus.raft;

import com.google.protobuf.MessageLite;
import java.nio.ByteBuffer;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;

/** Crosses between our bytes and those of the Protobuf that Ratis carries within itself; never copies. */
public final class RaftBytes {
    private RaftBytes() {}

    public static ByteString of(MessageLite message) {
        return UnsafeByteOperations.unsafeWrap(message.toByteArray());
    }

    public static ByteString of(ByteBuffer bytes) {
        return UnsafeByteOperations.unsafeWrap(bytes);
    }

    public static ByteBuffer buffer(ByteString bytes) {
        return bytes.asReadOnlyByteBuffer();
    }
}
