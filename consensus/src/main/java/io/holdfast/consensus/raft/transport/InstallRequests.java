package io.holdfast.consensus.raft.transport;

import io.holdfast.consensus.raft.GroupMachine;
import java.io.IOException;
import org.apache.ratis.proto.RaftProtos.InstallSnapshotRequestProto;
import org.apache.ratis.proto.RaftProtos.LogEntryProto;
import org.apache.ratis.server.RaftConfiguration;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.protocol.TermIndex;
import org.apache.ratis.server.raftlog.LogProtoUtils;
import org.apache.ratis.server.raftlog.RaftLog;
import org.apache.ratis.thirdparty.com.google.protobuf.ByteString;

/** What Ratis 3.3 is to see of a request to copy a checkpoint. It believes more of it than it should. Any thread. */
final class InstallRequests {
    private InstallRequests() {}

    /** @throws IOException if it should not see it at all; a leader that still wants it asks again */
    static InstallSnapshotRequestProto checked(RaftServer.Division division, InstallSnapshotRequestProto request)
            throws IOException {
        return withoutKnownMembers(division, asTold(division, request));
    }

    /**
     * Ratis says how the copying of a checkpoint went only to who names no earlier entry than it was told to copy up
     * to, and throws otherwise, for ever. But a leader's log may begin earlier than that of whoever told it, and a leader
     * also names its last entry (see {@link PipelinedAppender}) and then its first. So whoever asks names what it was told.
     */
    private static InstallSnapshotRequestProto asTold(
            RaftServer.Division division, InstallSnapshotRequestProto request) {
        TermIndex told = division.getStateMachine() instanceof GroupMachine machine ? machine.toldToInstall() : null;
        if (told == null
                || told.getIndex()
                        <= request.getNotification()
                                .getFirstAvailableTermIndex()
                                .getIndex()) {
            return request;
        }
        InstallSnapshotRequestProto.Builder asked = request.toBuilder();
        asked.getNotificationBuilder().setFirstAvailableTermIndex(told.toProto());
        return asked.build();
    }

    /**
     * The leader's configuration comes along, and Ratis takes it for its own whatever the answer is, and forgets later
     * ones: also if whoever asks leads no longer, also if the request was on its way for long. A replica that believes in
     * members of the past may elect, or be, a leader beside that of the present ones. So it sees a configuration only if
     * that is news.
     *
     * <p>And it sees none from a leader that is not in it, being about to leave: Ratis throws then, having noted that a
     * checkpoint is being copied, and waits for the end of that for ever.
     */
    private static InstallSnapshotRequestProto withoutKnownMembers(
            RaftServer.Division division, InstallSnapshotRequestProto request) throws IOException {
        if (!request.hasLastRaftConfigurationLogEntryProto()) {
            return request;
        }
        if (request.getLeaderTerm() < division.getInfo().getCurrentTerm()) {
            return withoutMembers(request); // and be told that it leads no longer
        }
        LogEntryProto theirs = request.getLastRaftConfigurationLogEntryProto();
        ByteString leader = request.getServerRequest().getRequestorId();
        if (theirs.getConfigurationEntry().getPeersList().stream()
                .noneMatch(peer -> peer.getId().equals(leader))) {
            throw new IOException("who leads is about to leave: the next leader will say what to copy");
        }
        RaftConfiguration ours = division.getRaftConf();
        if (ours.equals(LogProtoUtils.toRaftConfiguration(theirs))) {
            return withoutMembers(request);
        }
        // What this leader sent after it asked, or what is committed, is later than the request. Any other is of an
        // entry that never came to be, of a leader before it.
        if (ours.getLogEntryIndex() > theirs.getIndex()
                && isCommittedOrOf(request.getLeaderTerm(), division.getRaftLog(), ours.getLogEntryIndex())) {
            throw new IOException("members have changed since: ask again");
        }
        return request;
    }

    private static boolean isCommittedOrOf(long term, RaftLog log, long index) {
        if (index <= log.getLastCommittedIndex()) {
            return true;
        }
        TermIndex entry = log.getTermIndex(index);
        return entry != null && entry.getTerm() == term;
    }

    private static InstallSnapshotRequestProto withoutMembers(InstallSnapshotRequestProto request) {
        return request.toBuilder().clearLastRaftConfigurationLogEntryProto().build();
    }
}
