package io.holdfast.consensus.raft.transport;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.ByteBuf;
import io.netty.buffer.Unpooled;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.embedded.EmbeddedChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.apache.ratis.proto.RaftProtos.AppendEntriesRequestProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.proto.RaftProtos.StateMachineEntryProto;
import org.apache.ratis.proto.RaftProtos.StateMachineLogEntryProto;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;
import org.junit.jupiter.api.Test;

class FrameReaderTest {
    private static final int BODY_BYTES_MAX = 1 << 20;

    private final List<Long> calls = new ArrayList<>();
    private final List<AppendEntriesRequestProto> requests = new ArrayList<>();
    private final EmbeddedChannel channel = new EmbeddedChannel(new FrameReader(BODY_BYTES_MAX, true) {
        @Override
        void onFrame(Frame frame) throws java.io.IOException {
            calls.add(frame.call());
            requests.add(frame.parse(AppendEntriesRequestProto.parser()));
        }
    });

    @Test
    void shouldGiveBackWhatWasSentHoweverTheBytesArrive() {
        Random random = new Random(7);
        List<AppendEntriesRequestProto> sent = new ArrayList<>();
        ByteBuf bytes = Unpooled.buffer().writeLong(Frame.PREAMBLE);
        for (int call = 0; call < 200; call++) {
            byte[] payload = new byte[call % 10 == 0 ? random.nextInt(200_000) : random.nextInt(200)];
            random.nextBytes(payload);
            AppendEntriesRequestProto request = request(call, payload);
            sent.add(request);
            ByteBuf frame = Frame.encode(UnpooledByteBufAllocator.DEFAULT, Frame.Kind.APPEND, call, request);
            bytes.writeBytes(frame);
            frame.release();
        }

        while (bytes.isReadable()) {
            int n = Math.min(bytes.readableBytes(), 1 + random.nextInt(random.nextBoolean() ? 7 : 100_000));
            channel.writeInbound(Unpooled.copiedBuffer(bytes.readSlice(n)));
        }

        assertThat(requests).isEqualTo(sent); // whole, and untouched by the frames that came after
        assertThat(calls).hasSize(200).isSorted();
        assertThat(channel.isOpen()).isTrue();
    }

    private static AppendEntriesRequestProto request(long index, byte[] payload) {
        return AppendEntriesRequestProto.newBuilder()
                .setLeaderTerm(1)
                .addEntries(LogEntryProto.newBuilder()
                        .setIndex(index)
                        .setStateMachineLogEntry(StateMachineLogEntryProto.newBuilder()
                                .setStateMachineEntry(StateMachineEntryProto.newBuilder()
                                        .setStateMachineData(ByteString.copyFrom(payload)))))
                .build();
    }

    @Test
    void shouldHangUpOnStrangers() {
        channel.writeInbound(Unpooled.copiedBuffer(new byte[] {'G', 'E', 'T', ' ', '/', ' ', 'H', 'T'}));

        assertThat(channel.isOpen()).isFalse();
        assertThat(calls).isEmpty();
    }

    @Test
    void shouldHangUpOnAnAbsurdLengthBeforeMakingRoomForIt() {
        channel.writeInbound(Unpooled.buffer()
                .writeLong(Frame.PREAMBLE)
                .writeInt(Integer.MAX_VALUE)
                .writeByte(0)
                .writeLong(1));

        assertThat(channel.isOpen()).isFalse();
        assertThat(calls).isEmpty();
    }

    @Test
    void shouldHangUpOnAnUnknownKind() {
        channel.writeInbound(Unpooled.buffer()
                .writeLong(Frame.PREAMBLE)
                .writeInt(Frame.LENGTH_OVERHEAD)
                .writeByte(99)
                .writeLong(1));

        assertThat(channel.isOpen()).isFalse();
        assertThat(calls).isEmpty();
    }

    @Test
    void shouldHangUpOnABodyThatIsNoMessage() {
        channel.writeInbound(Unpooled.buffer()
                .writeLong(Frame.PREAMBLE)
                .writeInt(Frame.LENGTH_OVERHEAD + 4)
                .writeByte(0)
                .writeLong(1)
                .writeInt(-1));

        assertThat(channel.isOpen()).isFalse();
    }
}
