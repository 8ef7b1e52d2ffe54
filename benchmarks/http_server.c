/* HTTP server in C by epoll: the floor below which no server on the same kernel calls can come.
 *
 * Rule: as little as an HTTP/1.1 server can do and still be right: requests may come in pieces or several at once, answers
 * leave in order and those of one read together, what cannot be sent at once is kept and reading waits. What it does not
 * know (Transfer-Encoding in a request, a request above 64 kB) it refuses and closes. Its head is Node's, line by line.
 *
 *   http_server plain|chunked|post    prints "PORT n" when it listens on 127.0.0.1; serves until it is killed.
 *     plain: "Hello World\n" with Content-Length. chunked: the same as one chunk. post: the request's body, with its length.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* 64 kB of the smallest requests (24 bytes) bring answers of less than 1 MB. */
enum { READ_BYTES = 1 << 16, OUT_BYTES = 1 << 20, BACKLOG = 4096 };

struct bytes {
    size_t start, end;
    char *data;                /* NULL while nothing is kept */
};

struct peer {
    int fd, closing;           /* closing: when what is kept has left */
    struct bytes asked, kept;  /* a request that is not whole yet; what waits to be sent */
};

struct request {
    size_t head, length;       /* bytes of the head; of the body */
    int close;
};

static const char hello[] = "Hello World\n";
static const char *kind = "plain";
static int epoll_fd, chunked, echoes;
static char in[READ_BYTES + 1], out[OUT_BYTES];

static void watch(struct peer *p, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = p};
    if (epoll_ctl(epoll_fd, operation, p->fd, &event) < 0) perror("epoll_ctl"), exit(1);
}

static void drop(struct peer *p) {
    close(p->fd);
    free(p->asked.data);
    free(p->kept.data);
    free(p);
}

static void keep(struct bytes *where, const char *bytes, size_t size) {
    where->data = malloc(size);
    where->start = 0;
    where->end = size;
    memcpy(where->data, bytes, size);
}

static const char *date_line(void) {
    static time_t then;
    static char line[64];
    time_t now = time(NULL);
    struct tm utc;
    if (now != then) strftime(line, sizeof line, "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", gmtime_r(&now, &utc)), then = now;
    return line;
}

static int named(const char *line, const char *colon, const char *name) {
    return (size_t)(colon - line) == strlen(name) && !strncasecmp(line, name, strlen(name));
}

/* Reads a request's head: 1 when it is right, 0 when it is not all there, else the status of the refusal. */
static int read_request(const char *bytes, size_t size, struct request *r) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4), *line, *stop;
    int hosts = 0, lengths = 0;
    if (!end) return size == READ_BYTES ? 431 : 0;
    stop = memmem(bytes, size, "\r\n", 2);
    if (stop - bytes < 14 || (memcmp(stop - 9, " HTTP/1.1", 9) && memcmp(stop - 9, " HTTP/1.0", 9))) return 400;
    line = memchr(bytes, ' ', (size_t)(stop - bytes));
    if (line == bytes || line + 1 >= stop - 9 || memchr(line + 1, ' ', (size_t)(stop - 9 - line - 1))) return 400;
    r->close = stop[-1] == '0';
    for (line = stop + 2; line < end + 2; line = stop + 2) {
        const char *colon, *value, *last;
        stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        colon = memchr(line, ':', (size_t)(stop - line));
        if (!colon || colon == line || colon[-1] == ' ' || *line == ' ' || *line == '\t' || memchr(line, '\n', (size_t)(stop - line)))
            return 400;
        for (value = colon + 1; value < stop && (*value == ' ' || *value == '\t'); value++) {}
        for (last = stop; last > value && (last[-1] == ' ' || last[-1] == '\t'); last--) {}
        if (named(line, colon, "host")) hosts++;
        else if (named(line, colon, "transfer-encoding")) return 501;
        else if (named(line, colon, "connection") && last - value == 5 && !strncasecmp(value, "close", 5)) r->close = 1;
        else if (named(line, colon, "content-length")) {
            if (lengths++ || value == last || last - value > 9) return 400;
            for (r->length = 0; value < last; value++) {
                if (*value < '0' || *value > '9') return 400;
                r->length = r->length * 10 + (size_t)(*value - '0');
            }
        }
    }
    if (hosts != 1) return 400;
    r->head = (size_t)(end + 4 - bytes);
    return r->head + r->length > READ_BYTES ? 413 : 1;
}

/* Writes the answer to one request at the end of what is to be sent; returns its size. */
static size_t answer(char *to, const char *body, const struct request *r) {
    size_t size = echoes ? r->length : sizeof hello - 1, used;
    char *at = stpcpy(stpcpy(to, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"), date_line());
    at = stpcpy(at, r->close ? "Connection: close\r\n" : "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n");
    if (chunked) at += sprintf(at, "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
    else at += sprintf(at, "Content-Length: %zu\r\n\r\n", size);
    memcpy(at, echoes ? body : hello, size);
    used = (size_t)(at - to) + size;
    if (!chunked) return used;
    memcpy(to + used, "\r\n0\r\n\r\n", 7);
    return used + 7;
}

/* Sends what it can and keeps the rest; returns 0 when the peer is gone. */
static int deliver(struct peer *p, const char *bytes, size_t size) {
    ssize_t sent = size ? send(p->fd, bytes, size, MSG_NOSIGNAL) : 0;
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return 0;
    if (sent < 0) sent = 0;
    if ((size_t)sent == size) return !p->closing;
    keep(&p->kept, bytes + sent, size - (size_t)sent);
    watch(p, EPOLL_CTL_MOD, EPOLLOUT);
    return 1;
}

static void readable(struct peer *p) {
    size_t filled = p->asked.data ? p->asked.end : 0, at = 0, used = 0;
    ssize_t n;
    if (filled) memcpy(in, p->asked.data, filled);
    n = recv(p->fd, in + filled, READ_BYTES - filled, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        drop(p);
        return;
    }
    free(p->asked.data);
    p->asked.data = NULL;
    filled += (size_t)n;
    while (at < filled && !p->closing) {
        struct request r = {0};
        int status = read_request(in + at, filled - at, &r);
        if (!status || (status == 1 && filled - at < r.head + r.length)) break;
        if (status == 1) {
            used += answer(out + used, in + at + r.head, &r);
            at += r.head + r.length;
            p->closing = r.close;
        } else {
            used += (size_t)sprintf(out + used, "HTTP/1.1 %d Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status);
            p->closing = 1;
        }
    }
    if (at < filled && !p->closing) keep(&p->asked, in + at, filled - at);
    if (!deliver(p, out, used)) drop(p);
}

static void writable(struct peer *p) {
    ssize_t sent = send(p->fd, p->kept.data + p->kept.start, p->kept.end - p->kept.start, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    p->kept.start += sent > 0 ? (size_t)sent : 0;
    if (sent > 0 && p->kept.start < p->kept.end) return;
    free(p->kept.data);
    p->kept.data = NULL;
    if (sent < 0 || p->closing) drop(p);
    else watch(p, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    static struct epoll_event events[1024];
    struct peer listener = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    if (argc > 1) kind = argv[1];
    chunked = !strcmp(kind, "chunked");
    echoes = !strcmp(kind, "post");
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener.fd, (void *)&here, sizeof here) < 0 || listen(listener.fd, BACKLOG) < 0 ||
        getsockname(listener.fd, (void *)&here, &length) < 0) {
        perror("http_server");
        return 1;
    }
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    watch(&listener, EPOLL_CTL_ADD, EPOLLIN);
    printf("PORT %d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll_fd, events, 1024, -1);
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            if (p == &listener) {
                int fd;
                while ((fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    struct peer *fresh = calloc(1, sizeof *fresh);
                    fresh->fd = fd;
                    watch(fresh, EPOLL_CTL_ADD, EPOLLIN);
                }
            } else if (p->kept.data) {
                writable(p);
            } else {
                readable(p);
            }
        }
    }
}
