package io.holdfast.consensus.metadata;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.holdfast.consensus.raft.Peer;
import io.holdfast.internal.v1.FollowMetadataResponse;
import io.holdfast.internal.v1.MetadataImageRow;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.NumberedCommand;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongSupplier;

/**
 * What a node that does not vote on the metadata knows of them: an image that follows those of the voters, by the same
 * commands, and who they are. What voters have applied is committed, so it is a prefix of the metadata's history. Any
 * thread.
 */
final class FollowedMetadata {
    private static final byte[] KEY = "metadata".getBytes(UTF_8);
    private static final long STORE_AFTER_NANOS = 5_000_000_000L;
    private static final long HEARSAY_NANOS = 3_000_000_000L;

    private final StateTables tables;
    private final LongSupplier nanoClock;
    private final Consumer<MetadataImage> onChange;
    private volatile MetadataImage image = MetadataImage.EMPTY;
    private volatile Heard heard;
    private volatile long index;
    private long nowMs;
    private long storedIndex;
    private long storedAt;

    /** What a voter said last. */
    private record Heard(int leaderNode, long term, List<Peer> voters, long votersIndex, long atNanos) {}

    /**
     * @param nanoClock as {@link System#nanoTime}
     * @param onChange called with each new image: hand over, never block
     */
    FollowedMetadata(StateTables tables, LongSupplier nanoClock, Consumer<MetadataImage> onChange) {
        this.tables = tables;
        this.nanoClock = nanoClock;
        this.onChange = onChange;
        this.heard = new Heard(0, 0, List.of(), 0, nanoClock.getAsLong());
        this.storedAt = nanoClock.getAsLong();
    }

    /** Goes on from what was stored last, if anything was. */
    synchronized void load() throws IOException {
        byte[] stored = tables.get(Table.NODE, KEY);
        if (stored != null) {
            restore(MetadataImageRow.parseFrom(stored));
            storedIndex = index;
            onChange.accept(image);
        }
    }

    private MetadataImage restore(MetadataImageRow row) {
        image = MetadataImage.of(row);
        index = row.getAppliedIndex();
        nowMs = row.getNowMs();
        return image;
    }

    /** Takes over what a node answered; what is here already stays. Stores the image now and then. */
    synchronized void take(FollowMetadataResponse answer) throws IOException {
        MetadataImage before = image;
        if (answer.hasImage() && answer.getImage().getAppliedIndex() > index) {
            restore(answer.getImage());
        }
        for (NumberedCommand next : answer.getCommandsList()) {
            if (next.getIndex() > index) {
                nowMs = Math.max(nowMs, next.getCommand().getNowMs());
                image = MetadataCommands.apply(
                        image, next.getIndex(), nowMs, next.getCommand(), MetadataReply.newBuilder());
                index = next.getIndex();
            }
        }
        index = Math.max(index, answer.getAppliedIndex());
        hear(answer);
        if (image != before) {
            onChange.accept(image);
        }
        if (nanoClock.getAsLong() - storedAt > STORE_AFTER_NANOS) {
            store();
        }
    }

    private void hear(FollowMetadataResponse answer) {
        boolean newer = answer.getVotersIndex() >= heard.votersIndex && answer.getVotersCount() > 0;
        heard = new Heard(
                answer.getLeaderNode(),
                answer.getTerm(),
                newer ? answer.getVotersList().stream().map(MetadataImage::peer).toList() : heard.voters,
                newer ? answer.getVotersIndex() : heard.votersIndex,
                nanoClock.getAsLong());
    }

    /** Makes the image durable, if it has changed. */
    synchronized void store() throws IOException {
        if (index > storedIndex) {
            MetadataImageRow row = image.toRow(index, 0, nowMs);
            tables.write(new Update().put(Table.NODE, KEY, row.toByteArray()));
            storedIndex = index;
            storedAt = nanoClock.getAsLong();
        }
    }

    MetadataImage image() {
        return image;
    }

    /** Raft index up to which the image has everything. */
    long index() {
        return index;
    }

    /** Who leads, 0 if nobody has said so just now. */
    int leaderNode() {
        Heard last = heard;
        return nanoClock.getAsLong() - last.atNanos < HEARSAY_NANOS ? last.leaderNode : 0;
    }

    long term() {
        return heard.term;
    }

    List<Peer> voters() {
        return heard.voters;
    }

    long votersIndex() {
        return heard.votersIndex;
    }
}
