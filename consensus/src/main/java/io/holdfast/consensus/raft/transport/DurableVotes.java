package io.holdfast.consensus.raft.transport;

import io.holdfast.consensus.raft.GroupMachine;
import io.holdfast.storage.log.DurableDirectory;
import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.apache.ratis.server.RaftServer;

/**
 * Votes that survive a loss of power. Ratis 3.3 writes term and vote to a new file, flushes that and renames it, and answers
 * while the name may be in memory only. Who then forgets it can vote twice in a term, and there are two leaders. So the
 * directory is flushed before anybody is told: of a vote that was asked for, before the answer; of a candidate's own,
 * before it asks others. Any thread; blocks.
 */
final class DurableVotes {
    private DurableVotes() {}

    /** @throws IOException if the vote may be lost, and must not be told; if the disk failed the process stops, too */
    static void flush(RaftServer.Division division) throws IOException {
        flush(division.getRaftStorage().getStorageDir().getCurrentDir().toPath(), e -> {
            if (division.getStateMachine() instanceof GroupMachine machine) {
                machine.diskFailed(e);
            }
        });
    }

    static void flush(Path folder, Consumer<IOException> onDiskFailure) throws IOException {
        try {
            DurableDirectory.force(folder);
        } catch (ClosedByInterruptException | FileSystemException e) {
            throw e; // the election is over, or the replica is going; nothing was flushed, and nothing failed
        } catch (IOException e) {
            onDiskFailure.accept(e);
            throw e;
        }
    }
}
