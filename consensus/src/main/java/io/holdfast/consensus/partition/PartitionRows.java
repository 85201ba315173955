package io.holdfast.consensus.partition;

import io.holdfast.internal.v1.PartitionCheckpoint;
import io.holdfast.internal.v1.ProducerEntry;
import io.holdfast.internal.v1.QueueRow;
import io.holdfast.internal.v1.StreamGroupRow;
import java.util.List;

/** All that a checkpoint of a partition holds besides its files. */
record PartitionRows(
        PartitionCheckpoint checkpoint,
        List<ProducerEntry> producers,
        List<QueueRow> queues,
        List<StreamGroupRow> streamGroups) {

    PartitionRows withLogFolder(String folder) {
        return new PartitionRows(checkpoint.toBuilder().setLogFolder(folder).build(), producers, queues, streamGroups);
    }
}
