/* Load of TLS handshakes: N connections at a time, each made, used for one message and ended, by epoll. It needs OpenSSL.
 *
 * Rule: an operation is a whole connection: TCP, a full handshake (checked as load_tls.h says), SIZE bytes that come back,
 * each of them compared, close_notify and FIN of both sides. The first fault ends the run with "errors": 1 and status 1.
 *
 *   tls_handshakes ping --port P --ca FILE [--connections N] [--size BYTES] [--warmup S] [--seconds S | --operations N]
 *                  [--stall S] [--handshake]
 *
 * --handshake and the line of JSON are those of client.c. Connects to 127.0.0.1 only.
 */
#define SECURE 1
#include "load_tcp.h"

#include <getopt.h>

enum { MOST = 1024, LEAST = 24 };

struct connection {
    struct link link;
    uint64_t number;               /* of the connection made in this place */
    int agreed, ended;             /* the handshake is done; our close_notify and FIN have left */
    size_t received;
    unsigned char message[MOST];
};

static struct connection *connections;
static size_t size = 64;
static int port;

static struct link *link_at(int index) { return &connections[index].link; }
static int index_of(struct connection *c) { return (int)(c - connections); }

static void late(struct link *l, int index, double seconds) {
    struct connection *c = (struct connection *)l;
    die("connection %d: %.1f s after its beginning number %llu is not over (handshake %sdone, %zu of %zu bytes came back)",
        index, seconds, (unsigned long long)c->number, c->agreed ? "" : "not ", c->received, size);
}

static void start(struct link *l) {
    struct connection *c = (struct connection *)l;
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
    int one = 1;
    c->number++;
    c->agreed = c->ended = 0;
    c->received = 0;
    for (size_t b = 0; b < size; b++) c->message[b] = (unsigned char)(b * 31 + (size_t)index_of(c));
    memcpy(c->message, &c->number, 8);
    memcpy(c->message + size - 8, &c->number, 8);
    l->started_ns = now_ns();
    l->under_way = 1;
    in_flight++;
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0) die("socket %d: %s", index_of(c), strerror(errno));
    if (connect(l->fd, (void *)&there, sizeof there) < 0)
        die("connection %d: connect to 127.0.0.1:%d: %s", index_of(c), port, strerror(errno));
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(l->fd, F_SETFL, O_NONBLOCK);
    l->tls = tls_made(l->fd);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
    pull(l); /* the ClientHello leaves */
}

/* Few bytes always go at once; a socket without room is a fault here. */
static void push(struct link *l) { (void)l; }

static void finish(struct link *l) {
    SSL_free(l->tls);
    close(l->fd);
    l->under_way = 0;
    in_flight--;
    if (counting) {
        operations++;
        buckets[bucket_of(now_ns() - l->started_ns)]++;
        if (target_operations && operations >= target_operations) stopping = 1;
    }
    if (!stopping) start(l);
}

static void pull(struct link *l) {
    struct connection *c = (struct connection *)l;
    unsigned char got[MOST];
    ssize_t n;
    if (!c->agreed) {
        errno = 0;
        ERR_clear_error();
        int done = SSL_do_handshake(l->tls), error = SSL_get_error(l->tls, done);
        if (done != 1 && error == SSL_ERROR_WANT_READ) return;
        if (done != 1) die("connection %d: the TLS handshake failed: %s", index_of(c), tls_fault(l->tls));
        tls_agreed(l->tls, index_of(c));
        c->agreed = 1;
        if (tls_send(l->tls, index_of(c), c->message, size) != (ssize_t)size) die("connection %d: no room to send", index_of(c));
    }
    while ((n = tls_recv(l->tls, index_of(c), got, sizeof got)) > 0) {
        if ((size_t)n > size - c->received) die("connection %d: more than the %zu bytes of a reply: a long reply", index_of(c), size);
        if (memcmp(got, c->message + c->received, (size_t)n)) die("connection %d: the reply differs from what was sent", index_of(c));
        c->received += (size_t)n;
        if (c->received == size && !c->ended) {
            c->ended = 1;
            SSL_shutdown(l->tls);
            shutdown(l->fd, SHUT_WR);
        }
    }
    if (n < 0) return; /* not all there yet */
    if (c->received < size)
        die("connection %d: closed by the server after %zu of %zu bytes: a short reply", index_of(c), c->received, size);
    finish(l);
}

int main(int argc, char **argv) {
    int handshake = 0, option;
    double seconds = 1, warmup = 0.3;
    static const struct option known[] = {
        {"port", 1, 0, 'p'}, {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'}, {"warmup", 1, 0, 'w'}, {"seconds", 1, 0, 't'},
        {"operations", 1, 0, 'o'}, {"stall", 1, 0, 'l'}, {"handshake", 0, 0, 'h'}, {"ca", 1, 0, 'a'}, {0}};
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
        case 'h': handshake = 1; break;
        case 'a': ca_file = optarg; break;
        default: return 2;
        }
    if (port <= 0 || link_count <= 0 || strcmp(mode, "ping")) {
        fprintf(stderr, "usage: tls_handshakes ping --port P --ca FILE [--connections N] ... (see the top of tls_handshakes.c)\n");
        return 2;
    }
    if (size < LEAST || size > MOST) die("a message has %d to %d bytes", LEAST, MOST);
    allow_files(link_count + 64);
    epoll_fd = epoll_create1(0);
    connections = calloc((size_t)link_count, sizeof *connections);
    double took = measure(warmup, seconds, handshake);
    printf("{\"ops\": %llu, \"seconds\": %.6f, \"errors\": 0, \"p50_us\": %.1f, \"p99_us\": %.1f, \"connections\": %d, \"size\": %zu}\n",
           (unsigned long long)operations, took, percentile_us(0.50), percentile_us(0.99), link_count, size);
    fflush(stdout);
    return 0;
}
