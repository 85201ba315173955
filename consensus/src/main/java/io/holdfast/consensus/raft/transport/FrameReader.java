package io.holdfast.consensus.raft.transport;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import java.io.IOException;
import org.apache.ratis.thirdparty.com.google.protobuf.UnsafeByteOperations;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Cuts what arrives on a connection into frames; each body is gathered in an array that the next one
 * overwrites. Closes the connection at the first thing that is not of our protocol. Event loop only.
 */
abstract class FrameReader extends ChannelInboundHandlerAdapter {
    private static final Logger LOG = LoggerFactory.getLogger(FrameReader.class);

    private final int bodyBytesMax;
    private final ByteBuf header = Unpooled.buffer(Frame.HEADER_BYTES, Frame.HEADER_BYTES);
    private boolean preambleDue;
    private byte[] body = new byte[1 << 10];
    /** Of the body that is being read; -1 before its header is complete. */
    private int length = -1;

    private int filled;

    /** @param preambleDue whether the other side starts with the preamble: on accepted connections */
    FrameReader(int bodyBytesMax, boolean preambleDue) {
        this.bodyBytesMax = bodyBytesMax;
        this.preambleDue = preambleDue;
    }

    abstract void onFrame(Frame frame) throws IOException;

    @Override
    public void channelRead(ChannelHandlerContext context, Object message) throws IOException {
        ByteBuf in = (ByteBuf) message;
        try {
            while (in.isReadable() && (preambleDue ? readPreamble(in) : readFrame(in))) {
                continue;
            }
        } finally {
            in.release();
        }
    }

    /** False if more bytes are needed. */
    private boolean readPreamble(ByteBuf in) throws IOException {
        fill(in, Long.BYTES);
        if (header.readableBytes() < Long.BYTES) {
            return false;
        }
        if (header.readLong() != Frame.PREAMBLE) {
            throw new IOException("not a peer of this version");
        }
        header.clear();
        preambleDue = false;
        return true;
    }

    private boolean readFrame(ByteBuf in) throws IOException {
        if (length < 0 && !readHeader(in)) {
            return false;
        }
        int n = Math.min(in.readableBytes(), length - filled);
        in.readBytes(body, filled, n);
        filled += n;
        if (filled < length) {
            return false;
        }
        Frame frame = new Frame(
                Frame.Kind.of(header.getByte(4)), header.getLong(5), UnsafeByteOperations.unsafeWrap(body, 0, length));
        header.clear();
        length = -1;
        onFrame(frame);
        return true;
    }

    private boolean readHeader(ByteBuf in) throws IOException {
        fill(in, Frame.HEADER_BYTES);
        if (header.readableBytes() < Frame.HEADER_BYTES) {
            return false;
        }
        int announced = header.getInt(0) - Frame.LENGTH_OVERHEAD;
        if (announced < 0 || announced > bodyBytesMax) {
            throw new IOException("a message of " + Integer.toUnsignedString(announced) + " bytes");
        }
        if (announced > body.length) {
            body = new byte[Math.max(announced, Math.min(bodyBytesMax, 2 * body.length))];
        }
        length = announced;
        filled = 0;
        return true;
    }

    private void fill(ByteBuf in, int upTo) {
        in.readBytes(header, Math.min(in.readableBytes(), upTo - header.readableBytes()));
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext context, Throwable cause) {
        if (context.channel().isActive()) { // else it is what had not been written yet
            LOG.info("closing the connection with {}: {}", context.channel().remoteAddress(), cause.toString());
        }
        context.close();
    }
}
