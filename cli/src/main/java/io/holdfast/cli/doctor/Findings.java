package io.holdfast.cli.doctor;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/** What was looked at and what was found. */
final class Findings {
    enum Severity {
        /** Something does not work, or records are at risk. */
        PROBLEM,
        /** It works, and will not for ever, or not as well as it could. */
        WARNING
    }

    /** @param advice what to do about it */
    record Finding(Severity severity, String what, String advice) {}

    private final List<Finding> findings = new ArrayList<>();
    private final List<String> fine = new ArrayList<>();

    void problem(String what, String advice) {
        findings.add(new Finding(Severity.PROBLEM, what, advice));
    }

    void warning(String what, String advice) {
        findings.add(new Finding(Severity.WARNING, what, advice));
    }

    /** Something was looked at and is as it should be. */
    void fine(String what) {
        fine.add(what);
    }

    boolean hasProblem() {
        return findings.stream().anyMatch(finding -> finding.severity == Severity.PROBLEM);
    }

    /** The worst first. */
    void print() {
        findings.sort(Comparator.comparing(Finding::severity));
        for (Finding finding : findings) {
            System.out.println((finding.severity == Severity.PROBLEM ? "PROBLEM  " : "warning  ") + finding.what);
            System.out.println("         " + finding.advice);
        }
        fine.forEach(what -> System.out.println("ok       " + what));
    }
}
