/* Load for the UDP echo servers: N senders, each with one datagram under way (ping-pong), by epoll.
 *
 * Rule: no reply goes unchecked. Every byte is compared with what was sent, the sequence number included; the first
 * reply that is wrong, short or long ends the run with a message on stderr, "errors": 1 and exit status 1. A datagram
 * may be lost: it is sent again after a timeout, and counted; then a second answer to it may come, and is let pass.
 *
 *   udp_client ping --port P [--connections N] [--size BYTES] [--warmup S] [--seconds S] [--again S] [--handshake]
 *
 * After the warm-up, with --handshake, it prints "WARM" and waits for one line on stdin, so that whoever measures the
 * server's CPU reads its clock exactly around the counted operations. Prints one line of JSON at the end. A datagram
 * that was sent again 50 times without an answer ends the run as an error. Sends to 127.0.0.1 only.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

enum { MIN_SIZE = 24, LARGEST = 65507, PATIENCE = 50 };

struct sender {
    int fd, under_way, times;      /* times: the datagram was sent again */
    uint64_t sequence, started_ns, sent_ns;
    unsigned char *message;        /* what was sent, so what must come back */
};

static struct sender *senders;
static int sender_count = 50, epoll_fd, stopping, counting, in_flight, sent_again;
static size_t size = 64;
static uint64_t again_ns = 200000000ull, lost, repeated;
static unsigned char incoming[1 << 16];

static void push(struct sender *s) {
    while (send(s->fd, s->message, size, 0) < 0) {
        if (errno == EINTR) continue;
        if (errno == EAGAIN || errno == ENOBUFS) break; /* as good as lost: sent again after the timeout */
        die("sender %d: send: %s", (int)(s - senders), strerror(errno));
    }
    s->sent_ns = now_ns();
}

/* The number stands in the first bytes and again in the last eight. */
static void next_message(struct sender *s) {
    uint32_t index = (uint32_t)(s - senders);
    s->sequence++;
    memcpy(s->message, "ECHO", 4);
    memcpy(s->message + 4, &index, 4);
    memcpy(s->message + 8, &s->sequence, 8);
    memcpy(s->message + size - 8, &s->sequence, 8);
    s->started_ns = now_ns();
    s->under_way = 1;
    s->times = 0;
    in_flight++;
    push(s);
}

static void pull(struct sender *s) {
    int index = (int)(s - senders);
    for (;;) {
        ssize_t n = recv(s->fd, incoming, sizeof incoming, MSG_TRUNC);
        uint64_t number = 0;
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) return;
        if (n < 0) die("sender %d: recv: %s", index, strerror(errno));
        if ((size_t)n != size) die("sender %d: a reply of %zd bytes to a datagram of %zu", index, n, size);
        memcpy(&number, incoming + 8, 8);
        if (sent_again && number < s->sequence + !s->under_way) { /* the other answer to one that was sent twice */
            repeated++;
            continue;
        }
        if (!s->under_way) die("sender %d: a reply that nobody waits for, number %llu", index, (unsigned long long)number);
        if (number != s->sequence)
            die("sender %d: the reply carries sequence number %llu, sent was %llu", index, (unsigned long long)number,
                (unsigned long long)s->sequence);
        if (memcmp(incoming, s->message, size)) {
            size_t at = 0;
            while (incoming[at] == s->message[at]) at++;
            die("sender %d: byte %zu of the reply to message %llu differs from what was sent", index, at,
                (unsigned long long)s->sequence);
        }
        if (counting) {
            buckets[bucket_of(now_ns() - s->started_ns)]++;
            operations++;
        }
        s->under_way = 0;
        in_flight--;
        if (!stopping) next_message(s);
    }
}

static void look_for_losses(void) {
    uint64_t now = now_ns();
    for (int i = 0; i < sender_count; i++) {
        struct sender *s = &senders[i];
        if (!s->under_way || now - s->sent_ns < again_ns) continue;
        if (++s->times > PATIENCE) die("sender %d: no reply to message %llu, sent %d times", i, (unsigned long long)s->sequence, s->times);
        lost++;
        sent_again = 1;
        push(s);
    }
}

static void run_until(uint64_t end_ns) {
    struct epoll_event events[256];
    uint64_t next_look = now_ns() + again_ns;
    while (stopping ? in_flight > 0 : now_ns() < end_ns) {
        int n = epoll_wait(epoll_fd, events, 256, 20);
        for (int i = 0; i < n; i++) pull(events[i].data.ptr);
        if (now_ns() >= next_look) look_for_losses(), next_look = now_ns() + again_ns / 4;
    }
}

static void drain(void) {
    stopping = 1;
    run_until(0);
}

static void open_all(int port) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    senders = calloc((size_t)sender_count, sizeof *senders);
    for (int i = 0; i < sender_count; i++) {
        struct sender *s = &senders[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
        s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->fd < 0 || connect(s->fd, (void *)&there, sizeof there) < 0 ||
            epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event) < 0)
            die("socket %d: %s", i, strerror(errno));
        s->message = malloc(size);
        for (size_t b = 0; b < size; b++) s->message[b] = (unsigned char)(b * 31 + (size_t)i);
    }
}

int main(int argc, char **argv) {
    int port = 0, handshake = 0, option;
    double seconds = 1, warmup = 0.3;
    static const struct option known[] = {{"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'}, {"warmup", 1, 0, 'w'},
                                          {"seconds", 1, 0, 't'}, {"again", 1, 0, 'a'}, {"handshake", 0, 0, 'h'}, {0}};
    const char *mode = argc > 1 ? argv[1] : "";
    optind = 2;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'c': sender_count = atoi(optarg); break;
        case 's': size = strtoul(optarg, NULL, 10); break;
        case 'w': warmup = atof(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'a': again_ns = (uint64_t)(atof(optarg) * 1e9); break;
        case 'h': handshake = 1; break;
        default: return 2;
        }
    if (port <= 0 || sender_count <= 0 || strcmp(mode, "ping")) {
        fprintf(stderr, "usage: udp_client ping --port P [--connections N] [--size BYTES] ... (see the top of udp_client.c)\n");
        return 2;
    }
    if (size < MIN_SIZE || size > LARGEST) die("a message needs %d to %d bytes", MIN_SIZE, LARGEST);
    open_all(port);
    for (int i = 0; i < sender_count; i++) next_message(&senders[i]);
    run_until(now_ns() + (uint64_t)(warmup * 1e9));
    if (handshake) {
        drain(); /* nothing under way while the server's clock is read */
        wait_for_line("WARM");
        stopping = 0;
        lost = repeated = 0;
    }
    counting = 1;
    uint64_t counted_from_ns = now_ns();
    if (handshake)
        for (int i = 0; i < sender_count; i++) next_message(&senders[i]);
    run_until(counted_from_ns + (uint64_t)(seconds * 1e9));
    drain();
    double took = (double)(now_ns() - counted_from_ns) / 1e9;
    printf("{\"ops\": %llu, \"seconds\": %.6f, \"errors\": 0, \"lost\": %llu, \"repeated\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, "
           "\"connections\": %d, \"size\": %zu}\n", (unsigned long long)operations, took, (unsigned long long)lost,
           (unsigned long long)repeated, percentile_us(0.50), percentile_us(0.99), sender_count, size);
    fflush(stdout);
    return 0;
}
