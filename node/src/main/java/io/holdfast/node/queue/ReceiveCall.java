package io.holdfast.node.queue;

import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.holdfast.consensus.Refusal;
import io.holdfast.internal.v1.GroupRow;
import io.holdfast.node.service.Errors;
import io.holdfast.v1.PollRequest;
import io.holdfast.v1.PollResponse;
import io.holdfast.v1.ReceiveRequest;
import io.holdfast.v1.ReceiveResponse;
import io.holdfast.v1.SettleRequest;
import io.holdfast.v1.SettleResponse;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * One Receive. Polls while the client has given credit and gRPC can take more without buffering, for as many records as
 * there is credit: so nothing is leased that the client has not asked for. Settlements are written as they come, several
 * at a time, and answered in order.
 */
final class ReceiveCall implements StreamObserver<ReceiveRequest> {
    private static final int RECORDS_PER_POLL_DEFAULT = 500;
    private static final long SIGN_OF_LIFE_SECONDS = 5;
    private static final int SETTLES_UNDER_WAY_MAX = 64;

    private final ServerCallStreamObserver<ReceiveResponse> to;
    private final QueueGrpc service;
    private final Groups groups;
    private final Executor executor;
    private final ScheduledExecutorService timer;
    private final Deque<CompletableFuture<SettleResponse>> settles = new ArrayDeque<>();
    private @Nullable PollRequest open;
    private @Nullable GroupRow group;
    private long credit;
    private boolean polling;
    private volatile boolean closed;

    ReceiveCall(
            ServerCallStreamObserver<ReceiveResponse> to,
            QueueGrpc service,
            Groups groups,
            Executor executor,
            ScheduledExecutorService timer) {
        this.to = to;
        this.service = service;
        this.groups = groups;
        this.executor = executor;
        this.timer = timer;
        to.disableAutoRequest();
        to.request(1);
        to.setOnReadyHandler(this::pollIfMay);
        to.setOnCancelHandler(() -> closed = true);
    }

    @Override
    public void onNext(ReceiveRequest request) {
        try {
            switch (request.getRequestCase()) {
                case OPEN -> open(request.getOpen());
                case CREDIT -> {
                    synchronized (this) {
                        credit = Math.min(
                                Integer.MAX_VALUE,
                                credit
                                        + Integer.toUnsignedLong(
                                                request.getCredit().getRecords()));
                    }
                    pollIfMay();
                    to.request(1);
                }
                case SETTLE -> settle(request.getSettle());
                default -> throw Refusal.invalid("send open, credit or settlements");
            }
        } catch (Refusal e) {
            fail(e);
        }
    }

    private void open(PollRequest request) {
        QueueGrpc.check(request);
        synchronized (this) {
            if (open != null) {
                throw Refusal.invalid("open a stream once: use another one for another group");
            }
            open = request;
        }
        groups.getOrCreate(request.getTopic(), request.getGroup()).whenComplete((found, failure) -> {
            if (failure != null) {
                fail(failure);
                return;
            }
            synchronized (this) {
                group = found;
            }
            pollIfMay();
            to.request(1); // only now the next message: settlements need the group
        });
    }

    private void pollIfMay() {
        PollRequest request;
        GroupRow of;
        synchronized (this) {
            if (closed || polling || open == null || group == null || credit == 0 || !to.isReady()) {
                return;
            }
            polling = true;
            int perPoll = open.getMaxRecords() == 0 ? RECORDS_PER_POLL_DEFAULT : open.getMaxRecords();
            request = open.toBuilder()
                    .setMaxRecords((int) Math.min(perPoll, credit))
                    .build();
            of = group;
        }
        long until = System.nanoTime() + TimeUnit.SECONDS.toNanos(SIGN_OF_LIFE_SECONDS);
        CompletableFuture<PollResponse> poll;
        try {
            poll = service.poll(request, of, until, () -> closed);
        } catch (Refusal e) {
            fail(e);
            return;
        }
        poll.whenComplete((response, failure) -> {
            if (failure != null) {
                polled(failure);
                return;
            }
            synchronized (this) {
                credit -= response.getDeliveriesCount();
                polling = false;
            }
            send(ReceiveResponse.newBuilder().setPoll(response).build());
            pollIfMay();
        });
    }

    /** Partitions without a leader for a while do not end the stream; what does not pass does. */
    private void polled(Throwable failure) {
        switch (Errors.refusal(failure).reason()) {
            case ERROR_REASON_NOT_LEADER,
                    ERROR_REASON_UNAVAILABLE,
                    ERROR_REASON_OVERLOADED,
                    ERROR_REASON_DEADLINE_EXPIRED,
                    ERROR_REASON_DISK_FULL -> {
                synchronized (this) {
                    polling = false;
                }
                timer.schedule(() -> executor.execute(this::pollIfMay), 100, TimeUnit.MILLISECONDS);
            }
            default -> fail(failure);
        }
    }

    private void settle(SettleRequest request) {
        GroupRow of;
        synchronized (this) {
            of = group;
        }
        if (of == null) {
            throw Refusal.invalid("open the stream before you settle");
        }
        CompletableFuture<SettleResponse> answer;
        try {
            answer = service.settle(of, request);
        } catch (Refusal e) {
            answer = CompletableFuture.completedFuture(QueueGrpc.refused(request, e));
        }
        synchronized (this) {
            settles.add(answer);
            if (settles.size() < SETTLES_UNDER_WAY_MAX) {
                to.request(1);
            }
        }
        answer.whenComplete((ok, failure) -> answerSettles());
    }

    private void answerSettles() {
        synchronized (this) {
            while (!settles.isEmpty() && settles.peek().isDone()) {
                boolean wasFull = settles.size() == SETTLES_UNDER_WAY_MAX;
                SettleResponse response = settles.remove().join();
                send(ReceiveResponse.newBuilder().setSettled(response).build());
                if (wasFull) {
                    to.request(1);
                }
            }
        }
    }

    private void send(ReceiveResponse response) {
        synchronized (this) {
            if (!closed) {
                to.onNext(response);
            }
        }
    }

    private void fail(Throwable failure) {
        synchronized (this) {
            if (!closed) {
                closed = true;
                to.onError(Errors.status(failure));
            }
        }
    }

    @Override
    public void onError(Throwable t) {
        closed = true;
    }

    /** The client settles nothing more; answers that are due still go out. */
    @Override
    public void onCompleted() {
        CompletableFuture<?>[] due;
        synchronized (this) {
            due = settles.toArray(CompletableFuture[]::new);
        }
        CompletableFuture.allOf(due)
                .whenCompleteAsync(
                        (ok, failure) -> {
                            answerSettles();
                            synchronized (this) {
                                if (!closed) {
                                    closed = true;
                                    to.onCompleted();
                                }
                            }
                        },
                        executor);
    }
}
