package io.holdfast.consensus.partition;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.holdfast.consensus.dedup.DedupRows;
import io.holdfast.internal.v1.CheckpointEnd;
import io.holdfast.internal.v1.CheckpointStart;
import io.holdfast.internal.v1.DedupState;
import io.holdfast.internal.v1.FetchCheckpointResponse;
import io.holdfast.internal.v1.FileChunk;
import io.holdfast.internal.v1.MessageIdRows;
import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.ProducerEntry;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.internal.v1.ScheduledRow;
import io.holdfast.internal.v1.ScheduledRows;
import io.holdfast.internal.v1.StreamGroupRow;
import io.holdfast.storage.log.PartitionLog;
import io.holdfast.storage.log.SegmentFiles;
import io.holdfast.storage.state.StateTables;
import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Checkpoints on their way to other replicas and from them. What a checkpoint names never changes, so it is sent while
 * the leader writes on; only its own checkpoints wait, so that the Raft log still reaches back to the one being sent
 * when it has arrived.
 */
final class CheckpointTransfers {
    private static final int CHUNK_BYTES = 1 << 20;
    private static final int CHUNK_ROWS = 10_000;
    private static final long GRACE_NANOS = TimeUnit.SECONDS.toNanos(10);

    private final AtomicInteger running = new AtomicInteger();
    private volatile long lastEnd = System.nanoTime() - GRACE_NANOS;

    /** No transfer is running, and the last one ended long enough ago for its receiver to have caught up. */
    boolean isIdle() {
        return running.get() == 0 && System.nanoTime() - lastEnd >= GRACE_NANOS;
    }

    /** Opens all files at once, so that a trim may delete their names, and looks at the tables as they are now. */
    Outgoing open(PartitionRows rows, PartitionLog log, CheckpointRows tables) throws IOException {
        Outgoing outgoing = new Outgoing(rows, tables, tables.view());
        running.incrementAndGet();
        try {
            for (SegmentFiles.Part part : SegmentFiles.of(log.directory(), CheckpointRows.toLog(rows.checkpoint()))) {
                outgoing.files.add(new OpenFile(
                        part.file().getFileName().toString(),
                        FileChannel.open(part.file(), StandardOpenOption.READ),
                        part.bytes()));
            }
            return outgoing;
        } catch (IOException e) {
            outgoing.close();
            throw e;
        }
    }

    private record OpenFile(String name, FileChannel channel, long bytes) {}

    /** A checkpoint being sent. */
    final class Outgoing implements Closeable {
        private final PartitionRows rows;
        private final List<OpenFile> files = new ArrayList<>();

        private final CheckpointRows tables;
        private final StateTables.View view;

        private Outgoing(PartitionRows rows, CheckpointRows tables, StateTables.View view) {
            this.rows = rows;
            this.tables = tables;
            this.view = view;
        }

        void send(Consumer<FetchCheckpointResponse> to) throws IOException {
            to.accept(FetchCheckpointResponse.newBuilder()
                    .setStart(CheckpointStart.newBuilder().setPartition(rows.checkpoint()))
                    .build());
            for (OpenFile file : files) {
                sendFile(file, to);
            }
            for (QueueRow queue : rows.queues()) {
                to.accept(FetchCheckpointResponse.newBuilder().setQueue(queue).build());
            }
            for (StreamGroupRow group : rows.streamGroups()) {
                to.accept(FetchCheckpointResponse.newBuilder()
                        .setStreamGroup(group)
                        .build());
            }
            sendScheduled(to);
            sendMessageIds(to);
            to.accept(FetchCheckpointResponse.newBuilder()
                    .setEnd(CheckpointEnd.newBuilder().addAllProducers(rows.producers()))
                    .build());
        }

        private void sendScheduled(Consumer<FetchCheckpointResponse> to) throws IOException {
            PartitionCheckpoint checkpoint = rows.checkpoint();
            long end = checkpoint.getSchedule().getNextNumber();
            ScheduledRows.Builder chunk = ScheduledRows.newBuilder();
            int[] bytes = {0};
            tables.scheduled(checkpoint.getRowsGeneration()).scan(view, (position, batch) -> {
                if (Long.compareUnsigned(position.number(), end) < 0) { // later ones count from a later checkpoint on
                    chunk.addRows(ScheduledRow.newBuilder()
                            .setKey(position.toKey())
                            .setBatch(UnsafeByteOperations.unsafeWrap(batch)));
                    bytes[0] += batch.length;
                }
                if (bytes[0] >= CHUNK_BYTES) {
                    to.accept(FetchCheckpointResponse.newBuilder()
                            .setScheduled(chunk)
                            .build());
                    chunk.clear();
                    bytes[0] = 0;
                }
                return true;
            });
            to.accept(FetchCheckpointResponse.newBuilder().setScheduled(chunk).build());
        }

        private void sendMessageIds(Consumer<FetchCheckpointResponse> to) throws IOException {
            PartitionCheckpoint checkpoint = rows.checkpoint();
            DedupState known = checkpoint.getDedup();
            MessageIdRows.Builder chunk = MessageIdRows.newBuilder();
            DedupRows ids = tables.messageIds(checkpoint.getRowsGeneration());
            ids.scan(view, known.getFloor(), known.getNextNumber(), row -> {
                chunk.addRows(row);
                if (chunk.getRowsCount() >= CHUNK_ROWS) {
                    to.accept(FetchCheckpointResponse.newBuilder()
                            .setMessageIds(chunk)
                            .build());
                    chunk.clear();
                }
            });
            to.accept(FetchCheckpointResponse.newBuilder().setMessageIds(chunk).build());
        }

        private void sendFile(OpenFile file, Consumer<FetchCheckpointResponse> to) throws IOException {
            long position = 0;
            while (position < file.bytes || position == 0) {
                ByteBuffer data = ByteBuffer.allocate((int) Math.min(CHUNK_BYTES, file.bytes - position));
                while (data.hasRemaining()) {
                    if (file.channel.read(data, position + data.position()) < 0) {
                        throw new IOException(file.name + " is shorter than its checkpoint says");
                    }
                }
                data.flip();
                to.accept(FetchCheckpointResponse.newBuilder()
                        .setChunk(FileChunk.newBuilder()
                                .setFile(file.name)
                                .setPosition(position)
                                .setCrc(crc(data))
                                .setData(UnsafeByteOperations.unsafeWrap(data)))
                        .build());
                position += data.limit();
                if (data.limit() == 0) {
                    return;
                }
            }
        }

        @Override
        public void close() throws IOException {
            view.close();
            for (OpenFile file : files) {
                file.channel.close();
            }
            lastEnd = System.nanoTime();
            running.decrementAndGet();
        }
    }

    /** A checkpoint being received into an empty folder. One thread. */
    static final class Incoming implements Closeable {
        private final Path folder;
        private @Nullable PartitionCheckpoint checkpoint;
        private final List<ProducerEntry> producers = new ArrayList<>();
        private final List<QueueRow> queues = new ArrayList<>();
        private final List<StreamGroupRow> streamGroups = new ArrayList<>();
        private final CheckpointRows tables;
        private boolean ended;
        private @Nullable String fileName;
        private @Nullable FileChannel file;

        Incoming(Path folder, CheckpointRows tables) {
            this.folder = folder;
            this.tables = tables;
        }

        void take(FetchCheckpointResponse part) throws IOException {
            switch (part.getPartCase()) {
                case START -> checkpoint = part.getStart().getPartition();
                case CHUNK -> write(part.getChunk());
                case QUEUE -> queues.add(part.getQueue());
                case STREAM_GROUP -> streamGroups.add(part.getStreamGroup());
                case SCHEDULED ->
                    tables.scheduled(generation()).take(part.getScheduled().getRowsList());
                case MESSAGE_IDS ->
                    tables.messageIds(generation()).take(part.getMessageIds().getRowsList());
                case END -> {
                    producers.addAll(part.getEnd().getProducersList());
                    ended = true;
                }
                default -> throw new IOException("unknown part of a checkpoint");
            }
        }

        private void write(FileChunk chunk) throws IOException {
            ByteString data = chunk.getData();
            if (crc(data.asReadOnlyByteBuffer()) != chunk.getCrc()) {
                throw new IOException("a chunk of " + chunk.getFile() + " was damaged on the way");
            }
            FileChannel to = file;
            if (to == null || !chunk.getFile().equals(fileName)) {
                closeFile();
                to = FileChannel.open(
                        folder.resolve(SegmentFiles.checkName(chunk.getFile())),
                        StandardOpenOption.CREATE_NEW,
                        StandardOpenOption.WRITE);
                file = to;
                fileName = chunk.getFile();
            }
            if (to.position() != chunk.getPosition()) {
                throw new IOException("chunks of " + chunk.getFile() + " came out of order");
            }
            ByteBuffer bytes = data.asReadOnlyByteBuffer();
            while (bytes.hasRemaining()) {
                to.write(bytes);
            }
        }

        /** Everything has come and is on disk. */
        void finish() throws IOException {
            closeFile();
            if (!ended || checkpoint == null) {
                throw new IOException("the checkpoint ended early");
            }
        }

        PartitionRows rows() {
            PartitionCheckpoint received = checkpoint;
            if (received == null) {
                throw new IllegalStateException("no checkpoint has been received");
            }
            return new PartitionRows(received, producers, queues, streamGroups);
        }

        /** Of the rows that are received: not the one that is in force here, which is of an earlier checkpoint. */
        private long generation() {
            return rows().checkpoint().getAppliedIndex();
        }

        private void closeFile() throws IOException {
            FileChannel open = file;
            if (open != null) {
                open.force(true);
                open.close();
                file = null;
            }
        }

        @Override
        public void close() throws IOException {
            closeFile();
        }
    }

    private static int crc(ByteBuffer data) {
        CRC32C crc = new CRC32C();
        crc.update(data.duplicate());
        return (int) crc.getValue();
    }
}
