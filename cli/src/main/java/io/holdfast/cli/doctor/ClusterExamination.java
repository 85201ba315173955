package io.holdfast.cli.doctor;

import com.google.protobuf.util.Timestamps;
import io.holdfast.client.Admin;
import io.holdfast.client.HoldfastClient;
import io.holdfast.client.HoldfastException;
import io.holdfast.v1.DescribeClusterResponse;
import io.holdfast.v1.DescribeStreamGroupResponse;
import io.holdfast.v1.GetRoutesResponse;
import io.holdfast.v1.Group;
import io.holdfast.v1.Node;
import io.holdfast.v1.NodeFacts;
import io.holdfast.v1.NodeState;
import io.holdfast.v1.NodeStatus;
import io.holdfast.v1.QueuePartition;
import io.holdfast.v1.ReplicaRole;
import io.holdfast.v1.ReplicaStatus;
import io.holdfast.v1.Route;
import io.holdfast.v1.StreamGroup;
import io.holdfast.v1.StreamPartition;
import io.holdfast.v1.Topic;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/** Looks at a cluster through its API. */
final class ClusterExamination {
    private static final long CLOCK_MS_MAX = 1_000;
    private static final double DISK_USED_MAX = 0.85;
    private static final int NAMES_MAX = 5;

    private final HoldfastClient client;
    private final Admin admin;
    private final Findings findings;
    /** By node id, what each says that answers. */
    private final Map<Integer, DescribeClusterResponse> views = new LinkedHashMap<>();

    private final Map<Integer, Node> nodes = new LinkedHashMap<>();

    ClusterExamination(HoldfastClient client, Findings findings) {
        this.client = client;
        this.admin = client.admin();
        this.findings = findings;
    }

    void run() {
        List<NodeStatus> statuses = admin.describeCluster().getNodesList();
        statuses.forEach(status -> nodes.put(status.getNode().getNodeId(), status.getNode()));
        ask();
        links();
        metadata(statuses);
        versions();
        states(statuses);
        views.forEach((node, view) -> disk(node, view.getFacts()));
        replicas();
        List<Topic> topics = admin.listTopics("");
        topics(topics);
        queueGroups();
        streamGroups();
    }

    /** Each node by itself; and how far its clock is from this one's. */
    private void ask() {
        Map<Integer, Long> ahead = new HashMap<>();
        for (Node node : nodes.values()) {
            try {
                long before = System.currentTimeMillis();
                DescribeClusterResponse view = admin.describeCluster(node.getAddress());
                long middle = (before + System.currentTimeMillis()) / 2;
                views.put(node.getNodeId(), view);
                ahead.put(node.getNodeId(), Timestamps.toMillis(view.getFacts().getNow()) - middle);
            } catch (HoldfastException e) {
                findings.problem(
                        "node " + node.getNodeId() + " does not answer at " + node.getAddress() + ": " + e.getMessage(),
                        "start it, or see its log; if it will not come back: holdfast node remove " + node.getNodeId());
            }
        }
        long spread = ahead.values().stream().mapToLong(Long::longValue).max().orElse(0)
                - ahead.values().stream().mapToLong(Long::longValue).min().orElse(0);
        if (spread > CLOCK_MS_MAX) {
            findings.warning(
                    "the nodes' clocks differ by " + spread + " ms: " + ahead,
                    "synchronize them (NTP): append times, retention, delays and time to live go by them");
        } else if (ahead.size() == nodes.size()) {
            findings.fine(nodes.size() + " nodes answer, their clocks agree");
        }
    }

    private void links() {
        List<String> broken = new ArrayList<>();
        views.forEach((from, view) -> view.getNodesList().stream()
                .filter(to ->
                        !to.getReachable() && views.containsKey(to.getNode().getNodeId()))
                .forEach(to -> broken.add(from + " to " + to.getNode().getNodeId())));
        if (!broken.isEmpty()) {
            findings.problem(
                    "nodes that answer here do not reach each other: " + names(broken),
                    "open the network between them, both the API port and the Raft port");
        }
    }

    private void metadata(List<NodeStatus> statuses) {
        Set<Integer> leaders = new TreeSet<>();
        views.values().forEach(view -> leaders.add(view.getMetadataLeaderNode()));
        if (leaders.contains(0) || leaders.size() != 1) {
            findings.problem(
                    "the nodes do not agree on who leads the metadata: " + leaders + " (0: nobody)",
                    "look again in some seconds; if it stays so, a majority of the voters is down or cut off");
        }
        long voters = statuses.stream().filter(NodeStatus::getVotesOnMetadata).count();
        if (voters % 2 == 0 || (voters < 3 && nodes.size() >= 3)) {
            findings.warning(
                    voters + " of " + nodes.size() + " nodes vote on the metadata",
                    "if no node is being added or taken out: see holdfast cluster events for what keeps it from 3 or 5");
        }
    }

    private void versions() {
        Set<String> versions =
                nodes.values().stream().map(Node::getVersion).collect(Collectors.toCollection(TreeSet::new));
        if (versions.size() > 1) {
            findings.warning("nodes run several versions: " + versions, "finish the upgrade");
        }
    }

    private void states(List<NodeStatus> statuses) {
        for (NodeStatus status : statuses) {
            int moving = status.getArriving() + status.getLeaving();
            if (moving > 0) {
                findings.warning(
                        moving + " replicas are on their way to or from node "
                                + status.getNode().getNodeId(),
                        "wait; holdfast node list says how far it is");
            }
            if (status.getState() == NodeState.NODE_STATE_CORDONED) {
                findings.warning(
                        "node " + status.getNode().getNodeId() + " is cordoned: it gets no new replicas",
                        "holdfast node uncordon " + status.getNode().getNodeId() + " if that is over");
            }
        }
    }

    private void disk(int node, NodeFacts facts) {
        double used = facts.getDiskBytes() == 0 ? 0 : 1 - (double) facts.getDiskFreeBytes() / facts.getDiskBytes();
        String what = "the disk of node " + node + " is " + Math.round(100 * used) + " % full";
        if (facts.getDiskFull()) {
            findings.problem(
                    what + ", and it takes no new records",
                    "free space, add disk, or shorten what topics keep (holdfast topic update --retain-for, --retain-size)");
        } else if (used > DISK_USED_MAX) {
            findings.warning(what, "make room before it is full: at the end nodes refuse new records");
        }
    }

    private void replicas() {
        List<String> damaged = new ArrayList<>();
        views.forEach((node, view) -> {
            for (ReplicaStatus replica : view.getReplicasList()) {
                if (replica.getRole() == ReplicaRole.REPLICA_ROLE_DAMAGED) {
                    damaged.add(name(replica) + " on node " + node + " (" + replica.getDamage() + ")");
                }
            }
        });
        if (!damaged.isEmpty()) {
            findings.problem(
                    damaged.size() + " replicas are damaged: " + names(damaged),
                    "the others serve, and a copy is made by itself if they can; look at the disks of these nodes");
        }
    }

    private static String name(ReplicaStatus replica) {
        return replica.getPartition().getTopic() + "/" + replica.getPartition().getPartition();
    }

    private void topics(List<Topic> topics) {
        GetRoutesResponse routes =
                admin.getRoutes(topics.stream().map(Topic::getName).toList());
        List<String> leaderless = new ArrayList<>();
        List<String> thin = new ArrayList<>();
        List<String> oneRack = new ArrayList<>();
        Map<String, Integer> wanted = new HashMap<>();
        topics.forEach(topic -> wanted.put(topic.getName(), topic.getConfig().getReplicas()));
        long racks = nodes.values().stream().map(Node::getRack).distinct().count();
        for (Route route : topics.isEmpty() ? List.<Route>of() : routes.getRoutesList()) {
            String name =
                    route.getPartition().getTopic() + "/" + route.getPartition().getPartition();
            long there = route.getReplicaNodesList().stream()
                    .filter(views::containsKey)
                    .count();
            if (route.getLeaderNode() == 0 || 2 * there <= route.getReplicaNodesCount()) {
                leaderless.add(name);
            } else if (there < wanted.getOrDefault(route.getPartition().getTopic(), 0)) {
                thin.add(name);
            }
            long racksOfIt = route.getReplicaNodesList().stream()
                    .map(node -> nodes.containsKey(node) ? nodes.get(node).getRack() : "")
                    .distinct()
                    .count();
            if (racks > 1 && racksOfIt == 1 && route.getReplicaNodesCount() > 1) {
                oneRack.add(name);
            }
        }
        if (!leaderless.isEmpty()) {
            findings.problem(
                    leaderless.size() + " partitions take no records: " + names(leaderless),
                    "bring back a majority of the nodes that have their replicas: holdfast topic describe names them");
        }
        if (!thin.isEmpty()) {
            findings.problem(
                    thin.size() + " partitions have fewer replicas at work than they should: " + names(thin),
                    "bring the missing nodes back, or add one: copies are made by themselves");
        }
        if (!oneRack.isEmpty()) {
            findings.warning(
                    oneRack.size() + " partitions have all their replicas in one rack: " + names(oneRack),
                    "add nodes to other racks; replicas move by themselves");
        }
        List<String> single = topics.stream()
                .filter(topic -> topic.getConfig().getReplicas() == 1 && nodes.size() > 1)
                .map(Topic::getName)
                .toList();
        if (!single.isEmpty()) {
            findings.warning(
                    single.size() + " topics have one copy of each record: " + names(single),
                    "holdfast topic update TOPIC --replicas 3, if losing a disk should lose nothing");
        }
        if (leaderless.isEmpty() && thin.isEmpty()) {
            findings.fine(topics.size() + " topics, " + routes.getRoutesCount()
                    + " partitions, all with a leader and all their replicas");
        }
    }

    private void queueGroups() {
        int looked = 0;
        for (Group group : client.queues().list("")) {
            looked++;
            String name = "queue group " + group.getTopic() + "/" + group.getName();
            long ready = 0;
            long members = 0;
            long dead = 0;
            long parked = 0;
            for (QueuePartition partition :
                    client.queues().describe(group.getTopic(), group.getName()).getPartitionsList()) {
                ready += partition.getReady();
                members += partition.getMembersCount();
                dead += partition.getDead();
                parked += partition.getParked();
            }
            if (group.getConfig().getPaused()) {
                findings.warning(name + " is paused", "holdfast group resume, if that is over");
            } else if (ready > 0 && members == 0) {
                findings.warning(
                        name + " has " + ready + " records ready, and nobody holds one", "start its consumers");
            }
            if (parked > 0) {
                findings.warning(
                        name + " has parked " + parked + " records, and holds back their keys",
                        "holdfast queue parked shows them, holdfast queue decide goes on");
            }
            long letters = dead == 0
                    ? 0
                    : client.deadLetters(group.getTopic(), group.getName()).purge(true);
            if (letters > 0) {
                findings.warning(
                        name + " has " + letters + " dead letters",
                        "holdfast dlq show says why; dlq redrive gives them back, dlq purge deletes them");
            }
        }
        findings.fine(looked + " queue groups looked at");
    }

    private void streamGroups() {
        int looked = 0;
        for (StreamGroup group : client.streamGroups().list()) {
            looked++;
            DescribeStreamGroupResponse described = client.streamGroups().describe(group.getName());
            long lag = described.getPartitionsList().stream()
                    .mapToLong(StreamPartition::getLag)
                    .sum();
            if (described.getMembersCount() == 0 && lag > 0) {
                findings.warning(
                        "stream group " + group.getName() + " has no members and is " + lag + " records behind",
                        "start its consumers, or delete it");
            }
        }
        findings.fine(looked + " stream groups looked at");
    }

    private static String names(List<String> all) {
        String some = all.stream().limit(NAMES_MAX).collect(Collectors.joining(", "));
        return all.size() > NAMES_MAX ? some + " and " + (all.size() - NAMES_MAX) + " more" : some;
    }
}
