package io.holdfast.consensus.raft;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A call to a Raft port, byte by byte as decision 8 has it on the wire. */
final class RawCall {
    private static final long PREAMBLE = 0x4846_5241_4654_0001L;
    private static final int LENGTH_OVERHEAD = 9;
    static final int APPEND = 0;
    static final int VOTE = 1;
    static final int INSTALL = 3;
    private static final int ANSWER = 5;
    private static final int TIMEOUT_MS = 5_000;

    private RawCall() {}

    /** @throws IOException also if the answer is a failure */
    static byte[] call(String address, int kind, byte[] request) throws IOException {
        int colon = address.lastIndexOf(':');
        try (Socket socket = new Socket(address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)))) {
            socket.setSoTimeout(TIMEOUT_MS);
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            out.writeLong(PREAMBLE);
            out.writeInt(LENGTH_OVERHEAD + request.length);
            out.writeByte(kind);
            out.writeLong(1);
            out.write(request);
            out.flush();
            DataInputStream in = new DataInputStream(socket.getInputStream());
            int bodyBytes = in.readInt() - LENGTH_OVERHEAD;
            int answered = in.readByte();
            in.readLong();
            byte[] body = in.readNBytes(bodyBytes);
            if (answered != ANSWER) {
                throw new IOException(new String(body, StandardCharsets.UTF_8));
            }
            return body;
        }
    }
}
