package io.holdfast.consensus.queue;

import io.holdfast.consensus.Rates;
import io.holdfast.v1.Outcome;
import io.holdfast.v1.Settlement;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** How fast groups settle records for good in a partition, as its leader sees it. Any thread. */
final class SettleRates {
    private final Rates<Long> rates = new Rates<>();
    private final Map<Long, Long> settled = new HashMap<>();

    /** @param accepted for each settlement whether its lease was live */
    synchronized void count(long groupId, List<Settlement> settlements, List<Boolean> accepted) {
        long forGood = 0;
        for (int i = 0; i < settlements.size(); i++) {
            Outcome outcome = settlements.get(i).getOutcome();
            boolean ends = outcome == Outcome.OUTCOME_ACCEPT || outcome == Outcome.OUTCOME_REJECT;
            forGood += ends && accepted.get(i) ? 1 : 0;
        }
        if (forGood > 0) {
            rates.reached(groupId, settled.merge(groupId, forGood, Long::sum), System.nanoTime());
        }
    }

    double perSecond(long groupId) {
        return rates.perSecond(groupId, System.nanoTime());
    }

    synchronized void clear() {
        rates.clear();
        settled.clear();
    }
}
