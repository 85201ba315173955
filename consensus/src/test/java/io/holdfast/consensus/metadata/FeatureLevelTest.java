package io.holdfast.consensus.metadata;

import static org.assertj.core.api.Assertions.assertThat;

import io.holdfast.internal.v1.MetadataCommand;
import io.holdfast.internal.v1.MetadataReply;
import io.holdfast.internal.v1.MetadataResult;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.RaiseFeatureLevelCommand;
import io.holdfast.internal.v1.RegisterNodeCommand;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** Nodes of several versions in one cluster. */
class FeatureLevelTest {
    private MetadataImage image = MetadataImage.EMPTY;
    private long index;

    private MetadataReply register(int node, int level) throws IOException {
        return apply(MetadataCommand.newBuilder()
                .setRegisterNode(RegisterNodeCommand.newBuilder()
                        .setNode(NodeRow.newBuilder()
                                .setNodeId(node)
                                .setIncarnation("i")
                                .setFeatureLevel(level))));
    }

    private MetadataReply raise(int level) throws IOException {
        return apply(MetadataCommand.newBuilder()
                .setRaiseFeatureLevel(RaiseFeatureLevelCommand.newBuilder().setLevel(level)));
    }

    private MetadataReply apply(MetadataCommand.Builder command) throws IOException {
        MetadataReply.Builder reply = MetadataReply.newBuilder();
        image = MetadataCommands.apply(image, ++index, index, command.build(), reply);
        image = MetadataImage.of(image.toRow(index, 1, index)); // as after a restart
        return reply.build();
    }

    private int level() {
        return image.clusterNodes().featureLevel();
    }

    @Test
    void aNewClusterIsAtTheLevelOfItsFirstNode() throws IOException {
        assertThat(level()).isEqualTo(1);
        register(1, 3);
        assertThat(level()).isEqualTo(3);
        register(2, 4);
        assertThat(level()).isEqualTo(3);
    }

    /** Rows of the first version do not say a level. */
    @Test
    void theLevelRisesWhenAllNodesKnowItAndNotBefore() throws IOException {
        register(1, 0);
        register(2, 0);
        register(3, 0);
        assertThat(level()).isEqualTo(1);
        register(1, 2);
        register(2, 2);
        assertThat(FeatureLevel.heldBackBy(image.nodes().values())).containsExactly(3);
        MetadataReply refused = raise(2);
        assertThat(refused.getResult()).isEqualTo(MetadataResult.METADATA_RESULT_INVALID);
        assertThat(refused.getMessage()).contains("[3]");
        assertThat(level()).isEqualTo(1);
        register(2, 1); // back to the version before
        register(2, 2);
        register(3, 2);
        assertThat(raise(2).getResult()).isEqualTo(MetadataResult.METADATA_RESULT_DONE);
        assertThat(level()).isEqualTo(2);
        raise(1);
        assertThat(level()).as("never back").isEqualTo(2);
    }

    @Test
    void aNodeThatDoesNotKnowTheLevelIsNotTakenIn() throws IOException {
        register(1, 2);
        MetadataReply refused = register(2, 1);
        assertThat(refused.getResult()).isEqualTo(MetadataResult.METADATA_RESULT_NODE_TOO_OLD);
        assertThat(refused.getMessage()).contains("node 2", "level 2", "knows 1");
        assertThat(image.nodes()).containsOnlyKeys(1);
        assertThat(register(1, 1).getResult())
                .as("nor a member that was set back to an older version")
                .isEqualTo(MetadataResult.METADATA_RESULT_NODE_TOO_OLD);
    }
}
