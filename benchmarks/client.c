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
#include "load_tcp.h"

#include <getopt.h>

enum { MIN_SIZE = 24, READ_BYTES = 1 << 18 };

struct connection {
    struct link link;
    uint64_t sequence;             /* of the message under way; 0 before the first */
    size_t sent, received;         /* bytes of it */
    unsigned char *message;        /* what was sent, so what must come back */
};

static struct connection *connections;
static size_t size = 64;
static unsigned char *incoming;

static struct link *link_at(int index) { return &connections[index].link; }

static void push(struct link *l) {
    struct connection *c = (struct connection *)l;
    c->sent += send_some(l, (int)(c - connections), c->message + c->sent, size - c->sent);
}

/* The number stands in the first bytes and again in the last eight: a server that drops or repeats a piece is caught. */
static void start(struct link *l) {
    struct connection *c = (struct connection *)l;
    uint32_t index = (uint32_t)(c - connections);
    c->sequence++;
    memcpy(c->message, "ECHO", 4);
    memcpy(c->message + 4, &index, 4);
    memcpy(c->message + 8, &c->sequence, 8);
    memcpy(c->message + size - 8, &c->sequence, 8);
    c->sent = c->received = 0;
    l->started_ns = now_ns();
    l->under_way = 1;
    in_flight++;
    push(l);
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

static void late(struct link *l, int index, double seconds) {
    struct connection *c = (struct connection *)l;
    die("connection %d: %.1f s after message %llu only %zu of %zu bytes came back: a short reply", index, seconds,
        (unsigned long long)c->sequence, c->received, size);
}

static void pull(struct link *l) {
    struct connection *c = (struct connection *)l;
    for (;;) {
        ssize_t n = receive(l, (int)(c - connections), incoming, READ_BYTES);
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
        l->under_way = 0;
        if (counting) {
            operations++;
            buckets[bucket_of(now_ns() - l->started_ns)]++;
            if (target_operations && operations >= target_operations) stopping = 1;
        }
        if (!stopping) start(l);
        return;
    }
}

static void open_all(int port) {
    allow_files(link_count + 64);
    epoll_fd = epoll_create1(0);
    connections = calloc((size_t)link_count, sizeof *connections);
    incoming = malloc(READ_BYTES);
    for (int i = 0; i < link_count; i++) {
        struct connection *c = &connections[i];
        c->message = malloc(size);
        c->received = size; /* nothing awaited yet: whatever comes is too long */
        for (size_t b = 0; b < size; b++) c->message[b] = (unsigned char)(b * 31 + (size_t)i);
        open_link(&c->link, i, port);
    }
}

int main(int argc, char **argv) {
    int port = 0, touch = 0, handshake = 0, option;
    double seconds = 1, warmup = 0.3;
    static const struct option known[] = {
        {"port", 1, 0, 'p'},  {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'},  {"warmup", 1, 0, 'w'},    {"seconds", 1, 0, 't'},
        {"operations", 1, 0, 'o'}, {"stall", 1, 0, 'l'},  {"touch", 0, 0, 'x'}, {"handshake", 0, 0, 'h'},
#ifdef SECURE
        {"ca", 1, 0, 'a'},
#endif
        {0}};
    const char *mode = argc > 1 ? argv[1] : "";
    optind = 2;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'c': link_count = atoi(optarg); break;
        case 's': size = strtoul(optarg, NULL, 10); break;
        case 'w': warmup = atof(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'o': target_operations = strtoull(optarg, NULL, 10); break;
        case 'l': stall_ns = (uint64_t)(atof(optarg) * 1e9); break;
        case 'x': touch = 1; break;
        case 'h': handshake = 1; break;
#ifdef SECURE
        case 'a': ca_file = optarg; break;
#endif
        default: return 2;
        }
    if (port <= 0 || link_count <= 0 || (strcmp(mode, "ping") && strcmp(mode, "idle"))) {
        fprintf(stderr, "usage: client ping|idle --port P [--connections N] [--size BYTES] ... (see the top of client.c)\n");
        return 2;
    }
    if (size < MIN_SIZE) die("a message needs at least %d bytes for its sequence number", MIN_SIZE);
    open_all(port);
    if (!strcmp(mode, "idle")) {
        hold(touch);
        return 0;
    }
    double took = measure(warmup, seconds, handshake);
    printf("{\"ops\": %llu, \"seconds\": %.6f, \"errors\": 0, \"p50_us\": %.1f, \"p99_us\": %.1f, \"connections\": %d, \"size\": %zu}\n",
           (unsigned long long)operations, took, percentile_us(0.50), percentile_us(0.99), link_count, size);
    fflush(stdout);
    return 0;
}
