package io.holdfast.consensus.metadata;

import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.NumberedCommand;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The latest commands that a voter has applied, for nodes that follow. Not thread-safe. */
final class MetadataTail {
    private final int commandsMax;
    private final long bytesMax;
    private final Deque<NumberedCommand> commands = new ArrayDeque<>();
    private long bytes;
    /** Raft index; every command after it is here. */
    private long start;

    MetadataTail(int commandsMax, long bytesMax) {
        this.commandsMax = commandsMax;
        this.bytesMax = bytesMax;
    }

    /** Nothing is known of what led to the state as of this index. */
    void restart(long index) {
        commands.clear();
        bytes = 0;
        start = index;
    }

    void add(long index, MetadataCommand command) {
        NumberedCommand numbered =
                NumberedCommand.newBuilder().setIndex(index).setCommand(command).build();
        commands.addLast(numbered);
        bytes += numbered.getSerializedSize();
        while (commands.size() > commandsMax || bytes > bytesMax) {
            NumberedCommand oldest = commands.removeFirst();
            bytes -= oldest.getSerializedSize();
            start = oldest.getIndex();
        }
    }

    /** The commands after an index in order; null if they are not all here. */
    @Nullable
    List<NumberedCommand> after(long index) {
        if (index < start) {
            return null;
        }
        List<NumberedCommand> later = new ArrayList<>(commands);
        later.removeIf(command -> command.getIndex() <= index);
        return later;
    }
}
