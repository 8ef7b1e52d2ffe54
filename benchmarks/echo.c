/* Echo server in C by epoll: the ceiling the others are measured against.
 *
 * Rule: as little as an echo server can do and still be right: what cannot be sent at once is kept, and reading waits.
 *
 *   echo    prints "PORT n" when it listens on 127.0.0.1; serves until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 16, BACKLOG = 4096 };

struct peer {
    int fd;
    size_t start, end;      /* of the bytes kept */
    unsigned char *kept;    /* NULL while nothing waits to be sent */
};

static int epoll_fd;
static unsigned char buffer[READ_BYTES];

static void watch(struct peer *p, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = p};
    if (epoll_ctl(epoll_fd, operation, p->fd, &event) < 0) perror("epoll_ctl"), exit(1);
}

static void drop(struct peer *p) {
    close(p->fd);
    free(p->kept);
    free(p);
}

/* Returns how many bytes went out, or -1 when the peer is gone. */
static ssize_t send_some(int fd, const unsigned char *bytes, size_t size) {
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : n;
}

static void readable(struct peer *p) {
    ssize_t n = recv(p->fd, buffer, sizeof buffer, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    ssize_t out = n > 0 ? send_some(p->fd, buffer, (size_t)n) : -1;
    if (out < 0) {
        drop(p);
        return;
    }
    if (out == n) return;
    p->kept = malloc((size_t)(n - out));
    p->start = 0;
    p->end = (size_t)(n - out);
    memcpy(p->kept, buffer + out, p->end);
    watch(p, EPOLL_CTL_MOD, EPOLLOUT);
}

static void writable(struct peer *p) {
    ssize_t out = send_some(p->fd, p->kept + p->start, p->end - p->start);
    if (out < 0) {
        drop(p);
        return;
    }
    p->start += (size_t)out;
    if (p->start < p->end) return;
    free(p->kept);
    p->kept = NULL;
    watch(p, EPOLL_CTL_MOD, EPOLLIN);
}

int main(void) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    static struct epoll_event events[1024];
    struct peer listener = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener.fd, (void *)&here, sizeof here) < 0 || listen(listener.fd, BACKLOG) < 0 ||
        getsockname(listener.fd, (void *)&here, &length) < 0) {
        perror("echo");
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
            } else if (p->kept) {
                writable(p);
            } else {
                readable(p);
            }
        }
    }
}
