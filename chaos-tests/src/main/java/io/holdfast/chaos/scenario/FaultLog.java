package io.holdfast.chaos.scenario;

import io.holdfast.chaos.workload.Workload;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** What was done to the cluster, for the report and for the histories. Used by one thread. */
final class FaultLog {
    private final List<Workload> workloads;
    private final long beganNanos;
    private final List<Run.Fault> over = new ArrayList<>();
    private final Map<String, Run.Fault> open = new HashMap<>();

    FaultLog(List<Workload> workloads, long beganNanos) {
        this.workloads = workloads;
        this.beganNanos = beganNanos;
    }

    /** Something that has an end. */
    void begin(int node, String what, String f) {
        open.put(node + what, new Run.Fault(node, what, now(), now()));
        tell(f, node);
    }

    /** Ends what was begun under this name, if it was. */
    void end(int node, String what, String f) {
        Run.Fault fault = open.remove(node + what);
        if (fault != null) {
            over.add(new Run.Fault(node, what, fault.fromNanos(), now()));
            tell(f, node);
        }
    }

    /** Something that is over at once. */
    void note(int node, String what, Object value) {
        over.add(new Run.Fault(node, what + " " + value, now(), now()));
        tell(what, List.of(node, value));
    }

    private void tell(String f, Object value) {
        workloads.forEach(workload -> workload.history().fault(f, value));
    }

    private long now() {
        return System.nanoTime() - beganNanos;
    }

    /** All that was done so far; what is not over goes on until now. */
    List<Run.Fault> all() {
        List<Run.Fault> all = new ArrayList<>(over);
        open.values().forEach(fault -> all.add(new Run.Fault(fault.node(), fault.what(), fault.fromNanos(), now())));
        return all;
    }
}
