package io.holdfast.consensus.schedule;

import com.google.protobuf.ByteString;
import io.holdfast.internal.v1.ScheduledRow;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Takes over the rows of another replica's checkpoint, while the checkpoint that is here stays in force: what is new is
 * written beside it, as rows of the future, and what is gone is noted, to be deleted when the copy takes effect. So a
 * transfer that breaks off leaves nothing behind that counts. One thread.
 */
public final class ScheduleCopy {
    private final ScheduleRows rows;
    private final Set<SchedulePosition> gone = new HashSet<>();
    /** Rows before this have been compared. */
    private SchedulePosition compared = SchedulePosition.FIRST;

    public ScheduleCopy(ScheduleRows rows) {
        this.rows = rows;
    }

    /** Takes the next rows, in order. */
    public void take(List<ScheduledRow> received) throws IOException {
        if (received.isEmpty()) {
            return;
        }
        Map<SchedulePosition, ByteString> batches = new HashMap<>();
        received.forEach(row -> batches.put(SchedulePosition.of(row.getKey()), row.getBatch()));
        SchedulePosition end =
                SchedulePosition.of(received.get(received.size() - 1).getKey()).next();
        rows.scan(compared, (position, batch) -> {
            if (position.compareTo(end) >= 0) {
                return false;
            }
            if (!batches.containsKey(position)) {
                gone.add(position);
            }
            return true;
        });
        rows.put(batches);
        compared = end;
    }

    /** All have come: what is here beyond them is gone. */
    public void end() throws IOException {
        rows.scan(compared, (position, batch) -> gone.add(position) || true);
    }

    /** Rows that the received checkpoint does not have. */
    public Set<SchedulePosition> gone() {
        return gone;
    }
}
