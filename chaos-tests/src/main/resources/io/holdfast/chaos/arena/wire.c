/*
 * A bad wire: carries Ethernet frames between two network devices, and delays, loses and doubles some of them. Frames that
 * wait different times overtake each other.
 *
 *   wire DEVICE DEVICE DELAY_US JITTER_US LOST_PERCENT DOUBLED_PERCENT SEED COUNTS
 *
 * Each frame waits DELAY_US and up to JITTER_US more. COUNTS is a file of four 64-bit numbers, in the machine's byte order,
 * that is kept up to date: frames carried, lost, doubled, and that overtook another. Ends with its parent.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_MAX = 65536 + 256, WAITING_MAX = 8192, SENDS_MAX = 100 };
enum { CARRIED, LOST, DOUBLED, OVERTOOK, COUNTS };

struct frame {
    uint64_t due;    /* ns */
    uint64_t number; /* in the order of arrival */
    int out;         /* socket */
    size_t length;
    char *bytes; /* a virtio_net_hdr, which tells checksums and segments that are still to be made, and the frame */
};

static struct frame *waiting[WAITING_MAX]; /* a heap by due and number */
static int count;
static uint64_t *counts;
static uint64_t arrived;
static uint64_t newest[2]; /* highest number that was sent on, by direction */
static unsigned short dice[3];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int before(const struct frame *a, const struct frame *b) {
    return a->due < b->due || (a->due == b->due && a->number < b->number);
}

static void swap(int a, int b) {
    struct frame *kept = waiting[a];
    waiting[a] = waiting[b];
    waiting[b] = kept;
}

static void push(struct frame *frame) {
    int at = count++;
    waiting[at] = frame;
    while (at > 0 && before(waiting[at], waiting[(at - 1) / 2])) {
        swap(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static struct frame *pop(void) {
    struct frame *first = waiting[0];
    waiting[0] = waiting[--count];
    for (int at = 0;;) {
        int least = at;
        for (int child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (before(waiting[child], waiting[least])) {
                least = child;
            }
        }
        if (least == at) {
            return first;
        }
        swap(at, least);
        at = least;
    }
}

static int attach(const char *device) {
    int s = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
    if (s < 0) {
        die("socket");
    }
    int on = 1;
    int room = 16 << 20;
    struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    to.sll_ifindex = (int)if_nametoindex(device);
    if (setsockopt(s, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0
        || setsockopt(s, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) != 0
        || setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) != 0
        || bind(s, (struct sockaddr *)&to, sizeof to) != 0) {
        die(device);
    }
    return s;
}

static int chance(int percent) {
    return percent > 0 && erand48(dice) * 100 < percent;
}

static void enqueue(const char *bytes, size_t length, int out, uint64_t delay, uint64_t jitter) {
    if (count == WAITING_MAX) {
        counts[LOST]++;
        return;
    }
    struct frame *frame = malloc(sizeof *frame + length);
    if (frame == NULL) {
        die("malloc");
    }
    frame->bytes = (char *)(frame + 1);
    memcpy(frame->bytes, bytes, length);
    frame->length = length;
    frame->out = out;
    frame->number = ++arrived;
    frame->due = now() + delay + (uint64_t)(erand48(dice) * (double)jitter);
    push(frame);
}

/* Forwards one frame. A device whose queue is full loses it, as a wire would. */
static void forward(struct frame *frame, int direction) {
    if (send(frame->out, frame->bytes, frame->length, 0) < 0) {
        counts[LOST]++;
    } else {
        counts[CARRIED]++;
        if (frame->number < newest[direction]) {
            counts[OVERTOOK]++;
        } else {
            newest[direction] = frame->number;
        }
    }
    free(frame);
}

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "wire DEVICE DEVICE DELAY_US JITTER_US LOST_PERCENT DOUBLED_PERCENT SEED COUNTS\n");
        return 2;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uint64_t delay = strtoull(argv[3], NULL, 10) * 1000;
    uint64_t jitter = strtoull(argv[4], NULL, 10) * 1000;
    int lost = atoi(argv[5]);
    int doubled = atoi(argv[6]);
    uint64_t seed = strtoull(argv[7], NULL, 10);
    memcpy(dice, &seed, sizeof dice);
    int file = open(argv[8], O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (file < 0 || ftruncate(file, COUNTS * sizeof *counts) != 0) {
        die(argv[8]);
    }
    counts = mmap(NULL, COUNTS * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counts == MAP_FAILED) {
        die("mmap");
    }
    struct pollfd ends[2] = {{.fd = attach(argv[1]), .events = POLLIN}, {.fd = attach(argv[2]), .events = POLLIN}};
    static char bytes[FRAME_MAX];
    for (;;) {
        struct timespec wait = {0, 0};
        uint64_t time = now();
        if (count > 0 && waiting[0]->due > time) {
            wait.tv_sec = (time_t)((waiting[0]->due - time) / 1000000000u);
            wait.tv_nsec = (long)((waiting[0]->due - time) % 1000000000u);
        }
        if (ppoll(ends, 2, count > 0 ? &wait : NULL, NULL) < 0 && errno != EINTR) {
            die("ppoll");
        }
        for (int end = 0; end < 2; end++) {
            ssize_t length;
            while ((length = recv(ends[end].fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0) {
                if (chance(lost)) {
                    counts[LOST]++;
                    continue;
                }
                enqueue(bytes, (size_t)length, ends[1 - end].fd, delay, jitter);
                if (chance(doubled)) {
                    counts[DOUBLED]++;
                    enqueue(bytes, (size_t)length, ends[1 - end].fd, delay, jitter);
                }
            }
        }
        for (int sends = 0; sends < SENDS_MAX && count > 0 && waiting[0]->due <= now(); sends++) {
            struct frame *frame = pop();
            forward(frame, frame->out == ends[0].fd ? 0 : 1);
        }
    }
}
