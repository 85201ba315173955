package io.holdfast.record;

import com.github.luben.zstd.ZstdInputStream;
import com.github.luben.zstd.ZstdOutputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;
import java.util.zip.GZIPOutputStream;
import net.jpountz.lz4.LZ4FrameInputStream;
import net.jpountz.lz4.LZ4FrameOutputStream;
import org.xerial.snappy.SnappyInputStream;
import org.xerial.snappy.SnappyOutputStream;

/** How the records of a batch are compressed. The constant's code is what the batch header's low three bits hold. */
public enum Compression {
    NONE,
    GZIP,
    /** Snappy in the framing of snappy-java. */
    SNAPPY,
    /** LZ4 frame format. */
    LZ4,
    ZSTD;

    static final int CODE_MASK = 0x07;

    static Compression of(int attributes) throws InvalidBatchException {
        int code = attributes & CODE_MASK;
        if (code >= values().length) {
            throw new InvalidBatchException("unknown compression code " + code);
        }
        return values()[code];
    }

    int code() {
        return ordinal();
    }

    byte[] compress(byte[] plain, int length) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(Math.max(64, length / 2));
        try (OutputStream to = compressor(out)) {
            to.write(plain, 0, length);
        } catch (IOException e) {
            throw new IllegalStateException(this + " failed on bytes in memory", e);
        }
        return out.toByteArray();
    }

    /**
     * Undoes {@link #compress}.
     *
     * @param plainBytesMax refuses to inflate to more than this: a small batch must not become a large heap
     */
    byte[] decompress(ByteBuffer compressed, int plainBytesMax) throws InvalidBatchException {
        byte[] in = new byte[compressed.remaining()];
        compressed.duplicate().get(in);
        try (InputStream from = decompressor(new ByteArrayInputStream(in))) {
            byte[] plain = from.readNBytes(plainBytesMax);
            if (plain.length == plainBytesMax && from.read() >= 0) {
                throw new InvalidBatchException("records inflate to more than " + plainBytesMax + " bytes");
            }
            return plain;
        } catch (IOException | RuntimeException e) {
            throw new InvalidBatchException("records are not valid " + this + ": " + e.getMessage(), e);
        }
    }

    private OutputStream compressor(OutputStream out) throws IOException {
        return switch (this) {
            case NONE -> out;
            case GZIP -> new GZIPOutputStream(out);
            case SNAPPY -> new SnappyOutputStream(out);
            case LZ4 -> new LZ4FrameOutputStream(out, LZ4FrameOutputStream.BLOCKSIZE.SIZE_64KB);
            case ZSTD -> new ZstdOutputStream(out);
        };
    }

    private InputStream decompressor(InputStream in) throws IOException {
        return switch (this) {
            case NONE -> in;
            case GZIP -> new GZIPInputStream(in);
            case SNAPPY -> new SnappyInputStream(in);
            case LZ4 -> new LZ4FrameInputStream(in);
            case ZSTD -> new ZstdInputStream(in);
        };
    }
}
