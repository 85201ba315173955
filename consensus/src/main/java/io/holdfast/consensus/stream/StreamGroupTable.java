package io.holdfast.consensus.stream;

import io.holdfast.internal.v1.StreamCommand;
import io.holdfast.internal.v1.StreamGroupRow;
import io.holdfast.internal.v1.StreamOperation;
import io.holdfast.internal.v1.StreamResult;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The stream groups of a shard. Replicated; not thread-safe. */
public final class StreamGroupTable {
    private final Map<String, StreamGroupState> states = new TreeMap<>();
    private final Set<String> dirty = new HashSet<>();

    /**
     * @param term Raft term in which the command was proposed
     * @return one result per operation
     */
    public List<StreamResult> apply(StreamCommand command, long term, long nowMs) {
        return command.getOperationsList().stream()
                .map(operation -> apply(operation, term, nowMs))
                .toList();
    }

    private StreamResult apply(StreamOperation operation, long term, long nowMs) {
        String name = operation.getGroup();
        StreamResult.Builder result = StreamResult.newBuilder();
        StreamGroupState state = states.get(name);
        if (operation.hasCreate()) {
            if (state == null) {
                states.put(name, new StreamGroupState(name, operation.getCreate(), nowMs));
                dirty.add(name);
            }
            return result.setExists(state != null).build();
        }
        if (state == null) {
            return result.setUnknownGroup(true).build();
        }
        dirty.add(name);
        switch (operation.getOperationCase()) {
            case JOIN -> state.join(operation.getJoin(), result);
            case REPORT -> state.report(operation.getReport());
            case LEAVE -> {
                if (operation.getLeave().getTerm() == 0 || operation.getLeave().getTerm() == term) {
                    state.leave(operation.getLeave());
                }
            }
            case TOPICS -> state.topics(operation.getTopics());
            case ASSIGN -> state.assign(operation.getAssign());
            case COMMIT -> state.commit(operation.getCommit(), result);
            case SEEK -> state.seek(operation.getSeek());
            case DELETE -> {
                if (state.members().isEmpty()) {
                    states.remove(name);
                } else {
                    result.setHasMembers(true);
                }
            }
            default -> throw new IllegalArgumentException("an operation of a later version");
        }
        return result.build();
    }

    @Nullable
    StreamGroupState state(String name) {
        return states.get(name);
    }

    Collection<StreamGroupState> states() {
        return Collections.unmodifiableCollection(states.values());
    }

    // ---- rows

    public @Nullable StreamGroupRow row(String name) {
        StreamGroupState state = states.get(name);
        return state == null ? null : state.row();
    }

    public void load(List<StreamGroupRow> rows) {
        states.clear();
        dirty.clear();
        rows.forEach(row -> states.put(row.getName(), StreamGroupState.of(row)));
    }

    /** Groups whose rows changed since {@link #stored}; a row that is gone was deleted. */
    public Set<String> dirty() {
        return dirty;
    }

    public void stored() {
        dirty.clear();
    }
}
