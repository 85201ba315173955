package io.holdfast.client;

import io.holdfast.v1.CommitOffsetsRequest;
import io.holdfast.v1.ErrorReason;
import io.holdfast.v1.ItemError;
import io.holdfast.v1.OffsetCommit;
import io.holdfast.v1.Ownership;
import io.holdfast.v1.StreamGroupServiceGrpc;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.ToLongFunction;
import org.jspecify.annotations.Nullable;

/** Commits for a member of a stream group. Blocks; its consumer's thread only. */
final class StreamOffsets {
    private final String group;
    private final StreamMembership membership;
    private final Admin admin;

    StreamOffsets(String group, StreamMembership membership, Admin admin) {
        this.group = group;
        this.membership = membership;
        this.admin = admin;
    }

    /**
     * Commits positions that are not committed yet.
     *
     * @return why one was refused; null if none was
     * @throws HoldfastException if nobody could be asked
     */
    @Nullable
    HoldfastException commit(Collection<StreamReading> readings) {
        List<StreamReading> changed =
                readings.stream().filter(reading -> !reading.isCommitted()).toList();
        return changed.isEmpty() ? null : commit(changed, StreamReading::position);
    }

    /**
     * Commits an offset of one partition.
     *
     * @return why it was refused; null if it was not
     */
    @Nullable
    HoldfastException commit(StreamReading reading, long offset) {
        return commit(List.of(reading), any -> offset);
    }

    private @Nullable HoldfastException commit(List<StreamReading> readings, ToLongFunction<StreamReading> offset) {
        List<OffsetCommit> commits = new ArrayList<>();
        readings.forEach(reading -> commits.add(commit(reading.ownership(), offset.applyAsLong(reading))));
        HoldfastException refused = null;
        List<ItemError> results = send(commits);
        for (int i = 0; i < results.size(); i++) {
            if (results.get(i).getReason() == ErrorReason.ERROR_REASON_UNSPECIFIED) {
                readings.get(i).committed(commits.get(i).getOffset());
            } else {
                refused = HoldfastException.of(results.get(i));
            }
        }
        return refused;
    }

    /** Commits one place; if that is refused, the next heartbeat will say why. */
    void begin(Ownership ownership, long offset) {
        send(List.of(commit(ownership, offset)));
    }

    private static OffsetCommit commit(Ownership ownership, long offset) {
        return OffsetCommit.newBuilder()
                .setOwnership(ownership)
                .setOffset(offset)
                .build();
    }

    private List<ItemError> send(List<OffsetCommit> commits) {
        CommitOffsetsRequest request = CommitOffsetsRequest.newBuilder()
                .setGroup(group)
                .setMemberId(membership.memberId())
                .addAllOffsets(commits)
                .build();
        return admin.call(
                        true,
                        channel -> Admin.timed(StreamGroupServiceGrpc.newBlockingStub(channel))
                                .commitOffsets(request))
                .getResultsList();
    }
}
