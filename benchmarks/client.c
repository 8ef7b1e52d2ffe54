/* Load for the echo servers: N connections, each with one message under way (ping-pong), by epoll.
 *
 * Role: the only load generator here, because a client in Python or Node is slower than the servers it should measure.
 * Rule: no reply goes unchecked. Every byte is compared with what was sent, the sequence number included; the first
 * reply that is wrong, short, long or late ends the run with a message on stderr, "errors": 1 and exit status 1.
 *
 *   client ping --port P [--connections N] [--size BYTES] [--warmup S] [--seconds S | --operations N] [--stall S] [--handshake]
 *   client idle --port P [--connections N] [--touch]
 *
 * ping: after the warm-up, with --handshake, prints "WARM" and waits for one line on stdin, so that whoever measures
 *       the server's CPU reads its clock exactly around the counted operations. Prints one line of JSON at the end.
 * idle: opens the connections (with --touch each echoes one message first), prints "OPEN n", holds them until stdin ends.
 * Connects to 127.0.0.1 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

enum { MIN_SIZE = 24, READ_BYTES = 1 << 18, PER_SOURCE = 4000, IPV4_NO_PORT_YET = 24 };

struct connection {
    int fd, waiting_for_room;      /* waiting_for_room: EPOLLOUT is asked for */
    uint64_t sequence;             /* of the message under way; 0 before the first */
    size_t sent, received;         /* bytes of it */
    uint64_t started_ns;
    unsigned char *message;        /* what was sent, so what must come back */
};

static struct connection *connections;
static int connection_count = 50, epoll_fd;
static size_t size = 64;
static uint64_t target_operations, counted_from_ns;
static uint64_t stall_ns = 5000000000ull;
static int stopping, counting, in_flight;
static unsigned char *incoming;

static void watch(struct connection *c, int room) {
    struct epoll_event event = {.events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = c};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
    c->waiting_for_room = room;
}

static void push(struct connection *c) {
    while (c->sent < size) {
        ssize_t n = send(c->fd, c->message + c->sent, size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            if (!c->waiting_for_room) watch(c, 1);
            return;
        }
        if (n < 0) die("connection %d: send: %s", (int)(c - connections), strerror(errno));
        c->sent += (size_t)n;
    }
    if (c->waiting_for_room) watch(c, 0);
}

/* The number stands in the first bytes and again in the last eight: a server that drops or repeats a piece is caught. */
static void next_message(struct connection *c) {
    uint32_t index = (uint32_t)(c - connections);
    c->sequence++;
    memcpy(c->message, "ECHO", 4);
    memcpy(c->message + 4, &index, 4);
    memcpy(c->message + 8, &c->sequence, 8);
    memcpy(c->message + size - 8, &c->sequence, 8);
    c->sent = c->received = 0;
    c->started_ns = now_ns();
    in_flight++;
    push(c);
}

static void complain(struct connection *c, const unsigned char *got, size_t n) {
    int index = (int)(c - connections);
    size_t at = 0;
    uint64_t number = 0;
    while (at < n && got[at] == c->message[c->received + at]) at++;
    if (c->received == 0 && n >= 16) memcpy(&number, got + 8, 8);
    if (c->received == 0 && n >= 16 && number != c->sequence)
        die("connection %d: the reply carries sequence number %llu, sent was %llu", index, (unsigned long long)number,
            (unsigned long long)c->sequence);
    die("connection %d: byte %zu of the reply to message %llu differs from what was sent", index, c->received + at,
        (unsigned long long)c->sequence);
}

static void pull(struct connection *c) {
    for (;;) {
        ssize_t n = recv(c->fd, incoming, READ_BYTES, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) die("connection %d: recv: %s", (int)(c - connections), strerror(errno));
        if (n == 0)
            die("connection %d: closed by the server after %zu of %zu bytes of the reply to message %llu: a short reply",
                (int)(c - connections), c->received, size, (unsigned long long)c->sequence);
        if (c->received + (size_t)n > size || c->received == size)
            die("connection %d: more than the %zu bytes of a reply to message %llu: a long reply", (int)(c - connections),
                size, (unsigned long long)c->sequence);
        if (memcmp(incoming, c->message + c->received, (size_t)n)) complain(c, incoming, (size_t)n);
        c->received += (size_t)n;
        if (c->received < size) {
            if (n < READ_BYTES) return; /* level-triggered: epoll will say when there is more */
            continue;
        }
        if (c->sent < size) die("connection %d: a whole reply before the message was sent", (int)(c - connections));
        in_flight--;
        if (counting) {
            operations++;
            buckets[bucket_of(now_ns() - c->started_ns)]++;
            if (target_operations && operations >= target_operations) stopping = 1;
        }
        if (!stopping) next_message(c);
        return;
    }
}

static void turn(int timeout_ms) {
    static struct epoll_event events[1024];
    static uint64_t progress_ns;
    int n = epoll_wait(epoll_fd, events, 1024, timeout_ms);
    uint64_t now = now_ns();
    if (n < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
    if (n > 0 || !progress_ns) progress_ns = now;
    if (n <= 0 && in_flight && now - progress_ns > stall_ns) {
        for (int i = 0; i < connection_count; i++)
            if (connections[i].received < size)
                die("connection %d: nothing for %.1f s after %zu of %zu bytes of the reply to message %llu: a short reply", i,
                    (double)stall_ns / 1e9, connections[i].received, size, (unsigned long long)connections[i].sequence);
    }
    for (int i = 0; i < n; i++) {
        struct connection *c = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) push(c);
        if (events[i].events & ~(uint32_t)EPOLLOUT) pull(c);
    }
}

/* One connection may stall while the others run: each message is looked at, not only the sum. */
static void look_for_stalls(void) {
    uint64_t now = now_ns();
    for (int i = 0; i < connection_count; i++) {
        struct connection *c = &connections[i];
        if (c->received < size && c->sequence && now - c->started_ns > stall_ns)
            die("connection %d: %.1f s after message %llu only %zu of %zu bytes came back: a short reply", i,
                (double)stall_ns / 1e9, (unsigned long long)c->sequence, c->received, size);
    }
}

static void run_until(uint64_t end_ns) {
    uint64_t next_look = now_ns() + stall_ns;
    while (!stopping) {
        uint64_t now = now_ns();
        if (end_ns && now >= end_ns) return;
        if (now >= next_look) look_for_stalls(), next_look = now + stall_ns;
        turn(end_ns ? (int)((end_ns - now) / 1000000) + 1 : 100);
    }
}

static void drain(void) {
    stopping = 1;
    while (in_flight) turn(100);
}

static void open_all(int port) {
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur < (rlim_t)connection_count + 64) {
        files.rlim_cur = (rlim_t)connection_count + 64;
        if (files.rlim_max < files.rlim_cur) files.rlim_max = files.rlim_cur;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            die("%d connections need as many open files, and this system allows fewer (ulimit -Hn)", connection_count);
    }
    epoll_fd = epoll_create1(0);
    connections = calloc((size_t)connection_count, sizeof *connections);
    incoming = malloc(READ_BYTES);
    for (int i = 0; i < connection_count; i++) {
        struct connection *c = &connections[i];
        struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}, here = {.sin_family = AF_INET};
        int one = 1;
        there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        /* One source address has about 28,000 ports; spread, many connections do not run out of them. */
        here.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(i / PER_SOURCE));
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (c->fd < 0) die("socket %d: %s", i, strerror(errno));
        setsockopt(c->fd, IPPROTO_IP, IPV4_NO_PORT_YET, &one, sizeof one); /* IP_BIND_ADDRESS_NO_PORT */
        if (i >= PER_SOURCE && bind(c->fd, (void *)&here, sizeof here) < 0) die("bind %d: %s", i, strerror(errno));
        if (connect(c->fd, (void *)&there, sizeof there) < 0)
            die("connection %d: connect to 127.0.0.1:%d: %s", i, port, strerror(errno));
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        c->message = malloc(size);
        c->received = size; /* nothing awaited yet: whatever comes is too long */
        for (size_t b = 0; b < size; b++) c->message[b] = (unsigned char)(b * 31 + (size_t)i);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
    }
}

int main(int argc, char **argv) {
    int port = 0, touch = 0, handshake = 0, option;
    double seconds = 1, warmup = 0.3;
    static const struct option known[] = {
        {"port", 1, 0, 'p'},  {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'},  {"warmup", 1, 0, 'w'},    {"seconds", 1, 0, 't'},
        {"operations", 1, 0, 'o'}, {"stall", 1, 0, 'l'},  {"touch", 0, 0, 'x'}, {"handshake", 0, 0, 'h'}, {0}};
    const char *mode = argc > 1 ? argv[1] : "";
    optind = 2;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'c': connection_count = atoi(optarg); break;
        case 's': size = strtoul(optarg, NULL, 10); break;
        case 'w': warmup = atof(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'o': target_operations = strtoull(optarg, NULL, 10); break;
        case 'l': stall_ns = (uint64_t)(atof(optarg) * 1e9); break;
        case 'x': touch = 1; break;
        case 'h': handshake = 1; break;
        default: return 2;
        }
    if (port <= 0 || connection_count <= 0 || (strcmp(mode, "ping") && strcmp(mode, "idle"))) {
        fprintf(stderr, "usage: client ping|idle --port P [--connections N] [--size BYTES] ... (see the top of client.c)\n");
        return 2;
    }
    if (size < MIN_SIZE) die("a message needs at least %d bytes for its sequence number", MIN_SIZE);
    open_all(port);
    if (!strcmp(mode, "idle")) {
        char line[40];
        if (touch) {
            for (int i = 0; i < connection_count; i++) next_message(&connections[i]);
            drain();
        }
        snprintf(line, sizeof line, "OPEN %d", connection_count);
        wait_for_line(line);
        return 0;
    }
    for (int i = 0; i < connection_count; i++) next_message(&connections[i]);
    run_until(now_ns() + (uint64_t)(warmup * 1e9));
    if (handshake) {
        drain(); /* nothing under way while the server's clock is read */
        wait_for_line("WARM");
        stopping = 0;
    }
    counting = 1;
    counted_from_ns = now_ns();
    if (handshake)
        for (int i = 0; i < connection_count; i++) next_message(&connections[i]);
    run_until(target_operations ? 0 : counted_from_ns + (uint64_t)(seconds * 1e9));
    drain();
    double took = (double)(now_ns() - counted_from_ns) / 1e9;
    printf("{\"ops\": %llu, \"seconds\": %.6f, \"errors\": 0, \"p50_us\": %.1f, \"p99_us\": %.1f, \"connections\": %d, \"size\": %zu}\n",
           (unsigned long long)operations, took, percentile_us(0.50), percentile_us(0.99), connection_count, size);
    fflush(stdout);
    return 0;
}
