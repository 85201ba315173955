package io.holdfast.consensus.raft;

import io.holdfast.consensus.Causes;
import io.holdfast.consensus.raft.RaftGroupHandle.Rest;
import io.holdfast.consensus.raft.transport.TransportSettings;
import io.holdfast.consensus.raft.transport.TransportType;
import io.holdfast.storage.log.DurableDirectory;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.protocol.ClientId;
import org.apache.ratis.protocol.GroupManagementRequest;
import org.apache.ratis.protocol.RaftClientReply;
import org.apache.ratis.protocol.RaftGroup;
import org.apache.ratis.protocol.RaftPeer;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.statemachine.StateMachine;

/**
 * The one Raft server of a node. Groups are opened and closed one by one; each is then handled through its
 * {@link RaftGroupHandle}.
 */
public final class RaftHost implements Closeable {
    private static final long REQUEST_TIMEOUT_MS = 3_000;
    private static final long HEARTBEAT_TICK_MS = 50;

    private final Peer self;
    private final Path storage;
    private final RaftServer server;
    private final ClientId clientId = ClientId.randomId();
    private final AtomicLong callIds = new AtomicLong();
    private final Map<GroupId, StateMachine> machines = new ConcurrentHashMap<>();
    private final Map<GroupId, RaftGroupHandle> groups = new ConcurrentHashMap<>();

    /**
     * @param storage folder of the groups' Raft logs
     * @param bindHost address that the Raft port listens on
     */
    public RaftHost(Peer self, String bindHost, int bindPort, Path storage, RaftSettings settings) throws IOException {
        this.self = self;
        this.storage = storage;
        DurableDirectory.create(storage);
        Path nothing = storage.resolve("none");
        DurableDirectory.create(nothing);
        RaftProperties properties = RaftProps.of(settings, nothing);
        TransportSettings transport = new TransportSettings(
                bindHost,
                bindPort,
                4 * settings.entryBytesMax(),
                REQUEST_TIMEOUT_MS,
                Math.min(HEARTBEAT_TICK_MS, settings.electionTimeoutMin().toMillis() / 8),
                settings.electionTimeoutMax().toMillis(),
                id -> groups.containsKey(new GroupId(id.getUuid())));
        server = RaftServer.newBuilder()
                .setServerId(self.raftId())
                .setProperties(properties)
                .setParameters(TransportType.use(properties, transport))
                .setStateMachineRegistry(id -> {
                    StateMachine machine = machines.get(new GroupId(id.getUuid()));
                    if (machine == null) {
                        throw new IllegalStateException("no state machine for Raft group " + id);
                    }
                    return machine;
                })
                .build();
        RaftProps.setStorage(properties, storage);
    }

    public Peer self() {
        return self;
    }

    public void start() throws IOException {
        server.start();
    }

    /** Folder of a group's Raft log and votes. */
    public Path folder(GroupId group) {
        return storage.resolve(group.uuid().toString());
    }

    /** Whether this node has votes and a log of the group. */
    public boolean exists(GroupId group) {
        return Files.isDirectory(folder(group));
    }

    /** A replica that is at rest, with what is known of it. */
    public RaftGroupHandle atRest(GroupId group, Rest rest) {
        return new RaftGroupHandle(server, group, self, clientId, callIds, rest);
    }

    /**
     * Opens the local replica of a group.
     *
     * @param peers members at the group's birth, this node among them; or, if this node is to join a group that exists,
     *     its members without this node, which then waits to be added and does not vote before
     */
    public void open(RaftGroupHandle handle, List<Peer> peers, GroupMachine machine) throws IOException {
        List<RaftPeer> raftPeers = new ArrayList<>();
        peers.forEach(peer -> raftPeers.add(peer.raft()));
        GroupId group = handle.group();
        machines.put(group, machine);
        boolean format = !exists(group);
        try {
            await(server.groupManagementAsync(GroupManagementRequest.newAdd(
                    clientId,
                    self.raftId(),
                    callIds.incrementAndGet(),
                    RaftGroup.valueOf(group.raft(), raftPeers),
                    format)));
        } catch (IOException e) {
            machines.remove(group);
            throw e;
        }
        handle.opened(server.getDivision(group.raft()));
        groups.put(group, handle);
    }

    /**
     * Closes the local replica but remembers it: what it has stays. For Raft it is as if the node had stopped, so it is
     * safe at any time.
     */
    public void rest(RaftGroupHandle handle, Rest facts) throws IOException {
        close(handle.group(), false);
        handle.closed(facts);
    }

    /**
     * Closes the local replica.
     *
     * @param delete also delete its Raft log and votes
     */
    public void close(GroupId group, boolean delete) throws IOException {
        groups.remove(group);
        await(server.groupManagementAsync(GroupManagementRequest.newRemove(
                clientId, self.raftId(), callIds.incrementAndGet(), group.raft(), delete, false)));
        machines.remove(group);
    }

    private static void await(CompletableFuture<RaftClientReply> future) throws IOException {
        try {
            RaftClientReply reply = future.join();
            if (reply.getException() != null) {
                throw reply.getException();
            }
        } catch (CompletionException e) {
            Throwable cause = Causes.of(e);
            throw new IOException(cause.getMessage(), cause);
        }
    }

    @Override
    public void close() throws IOException {
        server.close();
    }
}
