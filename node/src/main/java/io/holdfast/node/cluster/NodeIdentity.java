package io.holdfast.node.cluster;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.protobuf.InvalidProtocolBufferException;
import io.holdfast.consensus.raft.GroupId;
import io.holdfast.internal.v1.Formation;
import io.holdfast.internal.v1.NodeRow;
import io.holdfast.internal.v1.ReplicaRow;
import io.holdfast.node.config.ConfigException;
import io.holdfast.storage.state.StateTables;
import io.holdfast.storage.state.StateTables.Table;
import io.holdfast.storage.state.StateTables.Update;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a node remembers of itself: who it is, which cluster it belongs to, which replicas it has. In the state tables. */
public final class NodeIdentity {
    private static final byte[] SELF = "self".getBytes(UTF_8);
    private static final byte[] FORMATION = "formation".getBytes(UTF_8);
    private static final byte[] SCRUBBED = "scrubbed".getBytes(UTF_8);
    private static final int INCARNATION_BYTES = 6;

    private final StateTables tables;
    private final NodeRow self;

    private NodeIdentity(StateTables tables, NodeRow self) {
        this.tables = tables;
        this.self = self;
    }

    /** Reads the identity, or mints one for an empty directory; addresses are always the given ones. */
    public static NodeIdentity open(StateTables tables, NodeRow configured) throws IOException {
        byte[] stored = tables.get(Table.NODE, SELF);
        String incarnation;
        if (stored == null) {
            byte[] random = new byte[INCARNATION_BYTES];
            new SecureRandom().nextBytes(random);
            incarnation = HexFormat.of().formatHex(random);
        } else {
            NodeRow before = NodeRow.parseFrom(stored);
            if (before.getNodeId() != configured.getNodeId()) {
                throw new ConfigException("the data directory belongs to node " + before.getNodeId() + ", node.id says "
                        + configured.getNodeId() + ": correct node.id or node.data-dir");
            }
            incarnation = before.getIncarnation();
        }
        NodeRow self = configured.toBuilder().setIncarnation(incarnation).build();
        tables.write(new Update().put(Table.NODE, SELF, self.toByteArray()));
        return new NodeIdentity(tables, self);
    }

    public NodeRow self() {
        return self;
    }

    @Nullable
    Formation formation() throws IOException {
        byte[] stored = tables.get(Table.NODE, FORMATION);
        return stored == null ? null : Formation.parseFrom(stored);
    }

    void storeFormation(Formation formation) throws IOException {
        tables.write(new Update().put(Table.NODE, FORMATION, formation.toByteArray()));
    }

    /** When all that the node has was last compared with its checksums; 0 if never. */
    public long scrubbedMs() throws IOException {
        byte[] stored = tables.get(Table.NODE, SCRUBBED);
        return stored == null ? 0 : ByteBuffer.wrap(stored).getLong();
    }

    public void storeScrubbed(long atMs) throws IOException {
        byte[] row = ByteBuffer.allocate(Long.BYTES).putLong(atMs).array();
        tables.write(new Update().put(Table.NODE, SCRUBBED, row));
    }

    @Nullable
    ReplicaRow replica(GroupId group) throws IOException {
        byte[] stored = tables.get(Table.REPLICAS, group.bytes());
        return stored == null ? null : ReplicaRow.parseFrom(stored);
    }

    /** Groups that this node has a replica of, or was about to have. */
    Map<GroupId, ReplicaRow> replicas() throws IOException {
        Map<GroupId, ReplicaRow> replicas = new HashMap<>();
        List<InvalidProtocolBufferException> damaged = new ArrayList<>();
        tables.scan(Table.REPLICAS, new byte[0], (key, value) -> {
            try {
                replicas.put(GroupId.of(key), ReplicaRow.parseFrom(value));
            } catch (InvalidProtocolBufferException e) {
                damaged.add(e);
            }
        });
        if (!damaged.isEmpty()) {
            throw new IOException("a replica row cannot be read", damaged.get(0));
        }
        return replicas;
    }

    void storeReplica(GroupId group, ReplicaRow row) throws IOException {
        tables.write(new Update().put(Table.REPLICAS, group.bytes(), row.toByteArray()));
    }

    void deleteReplica(GroupId group) throws IOException {
        tables.write(new Update().delete(Table.REPLICAS, group.bytes()));
    }
}
