/* What the load generators over TCP share: the connections, the loop that serves them, and the measured run.
 *
 * Rule: nothing of what is sent. A program that includes this says how many links there are (link_count), where each one
 * is (link_at), how one is begun (start), written (push) and read (pull), and what to say of one that is late (late).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "load.h"

#ifdef SECURE
#include "load_tls.h"
#endif

enum { PER_SOURCE = 4000, IPV4_NO_PORT_YET = 24 };

struct link {
    int fd, waiting_for_room;      /* waiting_for_room: EPOLLOUT is asked for */
    int under_way;                 /* something was sent that is not answered in full */
    uint64_t started_ns;           /* when it was sent */
#ifdef SECURE
    SSL *tls;
#endif
};

static int link_count = 50, epoll_fd;
static int stopping, counting, in_flight;
static uint64_t target_operations, counted_from_ns, own_cpu_ns; /* own_cpu_ns: of this program, for what was counted */
static uint64_t stall_ns = 5000000000ull;

static struct link *link_at(int index);
static void start(struct link *l);
static void push(struct link *l);
static void pull(struct link *l);
static void late(struct link *l, int index, double seconds); /* does not return */

static void watch(struct link *l, int room) {
    struct epoll_event event = {.events = EPOLLIN | (room ? EPOLLOUT : 0), .data.ptr = l};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, l->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
    l->waiting_for_room = room;
}

/* As recv and send; through TLS if the program is one of TLS. */
static ssize_t receive(struct link *l, int index, void *to, size_t room) {
#ifdef SECURE
    return tls_recv(l->tls, index, to, room);
#else
    (void)index;
    return recv(l->fd, to, room, 0);
#endif
}

static ssize_t transmit(struct link *l, int index, const void *bytes, size_t size) {
#ifdef SECURE
    return tls_send(l->tls, index, bytes, size);
#else
    (void)index;
    return send(l->fd, bytes, size, MSG_NOSIGNAL);
#endif
}

/* Sends what the kernel takes; returns how many bytes. What is left waits for EPOLLOUT. */
static size_t send_some(struct link *l, int index, const unsigned char *bytes, size_t size) {
    size_t sent = 0;
    while (sent < size) {
        ssize_t n = transmit(l, index, bytes + sent, size - sent);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            if (!l->waiting_for_room) watch(l, 1);
            return sent;
        }
        if (n < 0) die("connection %d: send: %s", index, strerror(errno));
        sent += (size_t)n;
    }
    if (l->waiting_for_room) watch(l, 0);
    return sent;
}

static void turn(int timeout_ms) {
    static struct epoll_event events[1024];
    static uint64_t progress_ns;
    int n = epoll_wait(epoll_fd, events, 1024, timeout_ms);
    uint64_t now = now_ns();
    if (n < 0 && errno != EINTR) die("epoll_wait: %s", strerror(errno));
    if (n > 0 || !progress_ns) progress_ns = now;
    if (n <= 0 && in_flight && now - progress_ns > stall_ns)
        for (int i = 0; i < link_count; i++)
            if (link_at(i)->under_way) late(link_at(i), i, (double)stall_ns / 1e9);
    for (int i = 0; i < n; i++) {
        struct link *l = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) push(l);
        if (events[i].events & ~(uint32_t)EPOLLOUT) pull(l);
    }
}

/* One connection may stall while the others run: each one is looked at, not only the sum. */
static void look_for_stalls(void) {
    uint64_t now = now_ns();
    for (int i = 0; i < link_count; i++) {
        struct link *l = link_at(i);
        if (l->under_way && now - l->started_ns > stall_ns) late(l, i, (double)stall_ns / 1e9);
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

static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void start_all(void) {
    for (int i = 0; i < link_count; i++) start(link_at(i));
}

static void allow_files(int count) {
    struct rlimit files = {0};
    getrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_cur >= (rlim_t)count) return;
    files.rlim_cur = (rlim_t)count;
    if (files.rlim_max < files.rlim_cur) files.rlim_max = files.rlim_cur;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        die("%d connections need as many open files, and this system allows fewer (ulimit -Hn)", link_count);
}

/* Connects the link with this number to 127.0.0.1. Call allow_files and make epoll_fd first. */
static void open_link(struct link *l, int index, int port) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)}, here = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = l};
    int one = 1;
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* One source address has about 28,000 ports; spread, many connections do not run out of them. */
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)(index / PER_SOURCE));
    l->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (l->fd < 0) die("socket %d: %s", index, strerror(errno));
    setsockopt(l->fd, IPPROTO_IP, IPV4_NO_PORT_YET, &one, sizeof one); /* IP_BIND_ADDRESS_NO_PORT */
    if (index >= PER_SOURCE && bind(l->fd, (void *)&here, sizeof here) < 0) die("bind %d: %s", index, strerror(errno));
    if (connect(l->fd, (void *)&there, sizeof there) < 0)
        die("connection %d: connect to 127.0.0.1:%d: %s", index, port, strerror(errno));
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef SECURE
    l->tls = tls_opened(l->fd, index, (double)stall_ns / 1e9);
#endif
    fcntl(l->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, l->fd, &event) < 0) die("epoll_ctl: %s", strerror(errno));
}

/* Holds the open links until stdin ends; with touch each has sent and received once. */
static void hold(int touch) {
    char line[40];
    if (touch) {
        start_all();
        drain();
    }
    snprintf(line, sizeof line, "OPEN %d", link_count);
    wait_for_line(line);
}

/* Warms up, then counts for so many seconds (or until target_operations); returns the seconds it took. */
static double measure(double warmup, double seconds, int handshake) {
    start_all();
    run_until(now_ns() + (uint64_t)(warmup * 1e9));
    if (handshake) {
        drain(); /* nothing under way while the server's clock is read */
        wait_for_line("WARM");
        stopping = 0;
    }
    counting = 1;
    counted_from_ns = now_ns();
    own_cpu_ns = cpu_ns();
    if (handshake) start_all();
    run_until(target_operations ? 0 : counted_from_ns + (uint64_t)(seconds * 1e9));
    drain();
    own_cpu_ns = cpu_ns() - own_cpu_ns;
    return (double)(now_ns() - counted_from_ns) / 1e9;
}
