package io.holdfast.consensus.raft.transport;

import java.util.concurrent.CompletableFuture;
import org.apache.ratis.RaftConfigKeys;
import org.apache.ratis.conf.Parameters;
import org.apache.ratis.conf.RaftProperties;
import org.apache.ratis.rpc.RpcType;
import org.apache.ratis.server.RaftServer;
import org.apache.ratis.server.RaftServerRpc;
import org.apache.ratis.server.ServerFactory;
import org.apache.ratis.server.leader.FollowerInfo;
import org.apache.ratis.server.leader.LeaderState;
import org.apache.ratis.server.leader.LogAppender;

/** How Ratis finds the transport: by this class' name in its properties. */
public final class TransportType implements RpcType {
    static final TransportType INSTANCE = new TransportType();

    /** Makes a server with these properties and the returned parameters use the transport. */
    public static Parameters use(RaftProperties properties, TransportSettings settings) {
        RaftConfigKeys.Rpc.setType(properties, INSTANCE);
        Parameters parameters = new Parameters();
        parameters.put(TransportSettings.KEY, settings, TransportSettings.class);
        return parameters;
    }

    /** See {@link RaftTransport#confirmLeader}; of a division whose server was built with {@link #use}. */
    public static CompletableFuture<Void> confirmLeader(RaftServer.Division division) {
        return ((RaftTransport) division.getRaftServer().getServerRpc()).confirmLeader(division);
    }

    @Override
    public String name() {
        return TransportType.class.getName();
    }

    @Override
    public ServerFactory newFactory(Parameters parameters) {
        TransportSettings settings = parameters.getNonNull(TransportSettings.KEY, TransportSettings.class);
        return new ServerFactory() {
            @Override
            public RaftServerRpc newRaftServerRpc(RaftServer server) {
                return new RaftTransport(server, settings);
            }

            @Override
            public LogAppender newLogAppender(RaftServer.Division division, LeaderState leader, FollowerInfo follower) {
                return new PipelinedAppender(division, leader, follower, (RaftTransport)
                        division.getRaftServer().getServerRpc());
            }

            @Override
            public RpcType getRpcType() {
                return INSTANCE;
            }
        };
    }
}
