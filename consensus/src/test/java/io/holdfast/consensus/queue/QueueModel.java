package io.holdfast.consensus.queue;

import io.holdfast.internal.v1.DeadRecord;
import io.holdfast.internal.v1.LeasedRange;
import io.holdfast.internal.v1.OffsetRange;
import io.holdfast.internal.v1.QueueAcquire;
import io.holdfast.internal.v1.QueueDecide;
import io.holdfast.internal.v1.QueueDiscard;
import io.holdfast.internal.v1.QueueExpire;
import io.holdfast.internal.v1.QueueSettle;
import io.holdfast.v1.RedriveState;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;

/**
 * A queue group in one partition as one would explain it: an object per record, looked at one by one. Slow and plain;
 * what {@link QueueState} does is measured by it.
 */
final class QueueModel {
    static final class Rec {
        String phase = "READY";
        long lease;
        String member = "";
        long due;
        int delivered;
        int failed;
        long firstFailure;
        long lastFailure;
        String reason = "";
    }

    private final TreeMap<Long, Rec> records = new TreeMap<>();
    private final TreeMap<Long, DeadRecord> dead = new TreeMap<>();
    private final Set<Long> redriven = new HashSet<>();
    private long start;
    private long deadCount;
    private long leases;
    long clock;

    QueueModel(long start) {
        this.start = start;
    }

    /** A record that was never touched is ready; one from before the beginning is done. */
    Rec at(long offset) {
        Rec rec = records.get(offset);
        if (rec == null) {
            rec = new Rec();
            rec.phase = offset < start ? "DONE" : "READY";
        }
        return rec;
    }

    private Rec touch(long offset) {
        Rec rec = at(offset);
        records.put(offset, rec);
        return rec;
    }

    /** Offsets leased. */
    List<Long> acquire(QueueAcquire acquire, long end) {
        List<Long> granted = new ArrayList<>();
        for (OffsetRange range : acquire.getRangesList()) {
            for (long o = range.getFrom(); o < range.getTo() && o < end; o++) {
                Rec rec = at(o);
                if (rec.phase.equals("READY") || (rec.phase.equals("WAITING") && rec.due <= clock)) {
                    rec = touch(o);
                    rec.phase = "LEASED";
                    rec.lease = leases + 1;
                    rec.member = acquire.getMember();
                    rec.due = clock + acquire.getLeaseMs();
                    rec.delivered++;
                    granted.add(o);
                }
            }
        }
        if (!granted.isEmpty()) {
            leases++;
        }
        return granted;
    }

    /** Offsets whose lease was not live. */
    List<Long> settle(QueueSettle settle, long now) {
        List<Long> lost = new ArrayList<>();
        for (long o = settle.getRange().getFrom(); o < settle.getRange().getTo(); o++) {
            Rec rec = at(o);
            if (!rec.phase.equals("LEASED") || rec.lease != settle.getLeaseId()) {
                lost.add(o);
                continue;
            }
            switch (settle.getOutcome()) {
                case OUTCOME_ACCEPT -> rec.phase = "DONE";
                case OUTCOME_RELEASE -> rec.phase = "READY";
                case OUTCOME_EXTEND -> rec.due = clock + settle.getDelayMs();
                case OUTCOME_REJECT ->
                    fail(o, rec, 0, now, settle.getReason(), 1, settle.getDiscardDead(), settle.getParkDead());
                default ->
                    fail(
                            o,
                            rec,
                            settle.getDelayMs(),
                            now,
                            settle.getReason(),
                            settle.getFailuresMax(),
                            settle.getDiscardDead(),
                            settle.getParkDead());
            }
        }
        return lost;
    }

    void expire(QueueExpire expire, long now) {
        for (LeasedRange lease : expire.getLeasesList()) {
            for (long o = lease.getRange().getFrom(); o < lease.getRange().getTo(); o++) {
                Rec rec = at(o);
                if (rec.phase.equals("LEASED") && rec.lease == lease.getLeaseId() && rec.due <= clock) {
                    fail(
                            o,
                            rec,
                            0,
                            now,
                            QueueState.LEASE_RAN_OUT,
                            expire.getFailuresMax(),
                            expire.getDiscardDead(),
                            expire.getParkDead());
                }
            }
        }
    }

    private void fail(long o, Rec rec, long delay, long now, String reason, int max, boolean discard, boolean park) {
        rec.failed++;
        rec.firstFailure = rec.firstFailure == 0 ? now : rec.firstFailure;
        rec.lastFailure = now;
        rec.reason = reason;
        if (rec.failed < max) {
            rec.phase = delay > 0 ? "WAITING" : "READY";
            rec.due = clock + delay;
        } else if (park) {
            rec.phase = "PARKED";
        } else if (discard) {
            rec.phase = "DONE";
        } else {
            die(o, rec);
        }
    }

    private void die(long o, Rec rec) {
        rec.phase = "DEAD";
        dead.put(
                deadCount,
                DeadRecord.newBuilder()
                        .setNumber(deadCount)
                        .setOffset(o)
                        .setDelivered(rec.delivered)
                        .setFailed(rec.failed)
                        .setFirstFailureMs(rec.firstFailure)
                        .setLastFailureMs(rec.lastFailure)
                        .setReason(rec.reason)
                        .setMember(rec.member)
                        .build());
        deadCount++;
    }

    /** Offsets that were parked. */
    List<Long> decide(QueueDecide decide) {
        List<Long> decided = new ArrayList<>();
        for (OffsetRange range : decide.getRangesList()) {
            for (long o = range.getFrom(); o < range.getTo(); o++) {
                Rec rec = at(o);
                if (rec.phase.equals("PARKED")) {
                    decided.add(o);
                    switch (decide.getDecision()) {
                        case PARKED_DECISION_RETRY -> {
                            rec.phase = "READY";
                            rec.failed = 0;
                        }
                        case PARKED_DECISION_DEAD -> die(o, rec);
                        default -> rec.phase = "DONE";
                    }
                }
            }
        }
        return decided;
    }

    List<DeadRecord> pending() {
        return List.copyOf(dead.values());
    }

    void deadMoved(long below) {
        while (!dead.isEmpty() && dead.firstKey() < below) {
            Rec rec = at(dead.pollFirstEntry().getValue().getOffset());
            if (rec.phase.equals("DEAD")) {
                rec.phase = "DONE";
            }
        }
    }

    RedriveState redrive(long offset, long number, long startOfLog) {
        if (redriven.contains(number)) {
            return RedriveState.REDRIVE_STATE_ALREADY;
        }
        if (number >= deadCount || dead.containsKey(number)) {
            return RedriveState.REDRIVE_STATE_UNKNOWN;
        }
        if (offset < startOfLog) {
            return RedriveState.REDRIVE_STATE_GONE;
        }
        if (!at(offset).phase.equals("DONE")) {
            return RedriveState.REDRIVE_STATE_UNKNOWN;
        }
        redriven.add(number);
        records.put(offset, new Rec());
        return RedriveState.REDRIVE_STATE_REDRIVEN;
    }

    void discard(QueueDiscard discard, long end) {
        for (OffsetRange range : discard.getRangesList()) {
            for (long o = range.getFrom(); o < range.getTo() && o < end; o++) {
                if (at(o).phase.equals("READY") || at(o).phase.equals("WAITING")) {
                    touch(o).phase = "DONE";
                }
            }
        }
    }

    void seek(long offset) {
        records.clear();
        start = offset;
    }

    void trimmed(long startOfLog) {
        records.headMap(startOfLog).clear();
        start = Math.max(start, startOfLog);
    }

    /** Lowest offset that is not done. */
    long floor(long end) {
        long floor = Math.min(start, records.isEmpty() ? start : records.firstKey());
        while (floor < end && at(floor).phase.equals("DONE")) {
            floor++;
        }
        return floor;
    }
}
