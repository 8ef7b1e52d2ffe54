/* WebSocket server in C by epoll: the floor below which no server on the same kernel calls can come.
 *
 * Rule: as little as a WebSocket server can do and still be right: frames may come in pieces or several at once, text is
 * checked to be UTF-8, pings and the closing handshake are answered, what cannot be sent at once is kept and reading
 * waits. What it does not know (fragments, an extension, more than 1 MB) it refuses with a close frame. No limit of time.
 *
 *   websocket_server echo|broadcast    prints "PORT n" when it listens on 127.0.0.1; serves until it is killed.
 *     echo: each message goes back. broadcast: each goes to all connections, the one that it came from included.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "websocket.h"

enum { READ_BYTES = 1 << 18, MAX_MESSAGE = 1 << 20, MAX_HEAD = 8192, BACKLOG = 4096 };

struct bytes {
    size_t start, end;
    unsigned char *data;       /* NULL while nothing is kept */
};

struct peer {
    int fd, open, closing;     /* open: after the handshake; closing: when what is kept has left */
    struct bytes asked, kept;  /* a frame that is not whole yet; what waits to be sent */
    struct peer *next, **self; /* the list of those that are open */
};

static int epoll_fd, broadcasts;
static struct peer *everybody;
static unsigned char in[READ_BYTES];

static void watch(struct peer *p, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = p};
    if (epoll_ctl(epoll_fd, operation, p->fd, &event) < 0) perror("epoll_ctl"), exit(1);
}

static void drop(struct peer *p) {
    if (p->self && (*p->self = p->next)) p->next->self = p->self;
    close(p->fd);
    free(p->asked.data);
    free(p->kept.data);
    free(p);
}

/* Keeps bytes behind those that are kept. */
static void keep(struct bytes *where, const unsigned char *bytes, size_t size) {
    where->data = realloc(where->data, where->end + size);
    memcpy(where->data + where->end, bytes, size);
    where->end += size;
}

/* Sends what the kernel takes and keeps the rest. A peer that is gone is noticed when it is read from. */
static void deliver(struct peer *p, const unsigned char *bytes, size_t size) {
    ssize_t sent = p->kept.data ? 0 : send(p->fd, bytes, size, MSG_NOSIGNAL);
    if (sent < 0) sent = errno == EAGAIN || errno == EINTR ? 0 : (ssize_t)size;
    if ((size_t)sent == size) return;
    if (!p->kept.data) watch(p, EPOLL_CTL_MOD, EPOLLOUT);
    keep(&p->kept, bytes + sent, size - (size_t)sent);
}

/* RFC 3629: no overlong form, no surrogate, nothing above U+10FFFF. */
static int is_utf8(const unsigned char *at, size_t size) {
    const unsigned char *end = at + size;
    while (at < end) {
        uint64_t eight;
        while (end - at >= 8 && (memcpy(&eight, at, 8), !(eight & 0x8080808080808080ull))) at += 8;
        if (at == end) return 1;
        unsigned first = *at++, low = 0x80, high = 0xbf;
        int more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
        if (more < 0 || end - at < more) return 0;
        if (first == 0xe0) low = 0xa0;
        if (first == 0xed) high = 0x9f;
        if (first == 0xf0) low = 0x90;
        if (first == 0xf4) high = 0x8f;
        for (; more; more--, low = 0x80, high = 0xbf)
            if (*at < low || *at++ > high) return 0;
    }
    return 1;
}

static void refuse(struct peer *p, int code) {
    unsigned char frame[4] = {FIN | CLOSE, 2, (unsigned char)(code >> 8), (unsigned char)code};
    deliver(p, frame, sizeof frame);
    p->closing = 1;
}

/* Answers one frame that is whole and unmasked. Its bytes may be overwritten: the header of the answer goes right before the payload,
 * because it is four bytes shorter than that of the frame. */
static void answer(struct peer *p, int first, unsigned char *payload, size_t length) {
    unsigned char header[MAX_HEADER], *frame;
    int opcode = first & 15;
    if (opcode == PONG) return;
    if (opcode == TEXT && !is_utf8(payload, length)) {
        refuse(p, 1007);
        return;
    }
    if (opcode == CLOSE && length > 2 && !is_utf8(payload + 2, length - 2)) {
        refuse(p, 1007);
        return;
    }
    size_t used = write_header(header, opcode == PING ? FIN | PONG : first, 0, length);
    frame = payload - used;
    memcpy(frame, header, used);
    if (broadcasts && opcode < CLOSE)
        for (struct peer *each = everybody; each; each = each->next) deliver(each, frame, used + length);
    else
        deliver(p, frame, used + length);
    p->closing = opcode == CLOSE;
}

/* Takes the frame at the start of the bytes; returns its size, or 0 when it is not all there. */
static size_t take(struct peer *p, unsigned char *bytes, size_t size, size_t *wanted) {
    size_t header = size < 2 ? 2 : header_size(bytes[1]);
    int opcode = bytes[0] & 15;
    *wanted = header;
    if (size < 2) return 0;
    int code = !(bytes[1] & MASKED) || bytes[0] & 0x70 ? 1002 : opcode == 0 || !(bytes[0] & FIN) ? 1003 : 0;
    if ((opcode > BINARY && opcode < CLOSE) || opcode > PONG || (opcode >= CLOSE && (bytes[1] & 127) > 125)) code = 1002;
    if (opcode == CLOSE && (bytes[1] & 127) == 1) code = 1002;
    if (!code && size >= header && payload_length(bytes) > MAX_MESSAGE) code = 1009;
    if (code) {
        refuse(p, code);
        return 0;
    }
    if (size < header) return 0;
    size_t length = payload_length(bytes);
    *wanted = header + length;
    if (size < header + length) return 0;
    mask(bytes + header, bytes + header, length, bytes + header - 4);
    answer(p, bytes[0], bytes + header, length);
    return header + length;
}

/* The handshake, RFC 6455 4.2: returns the size of the head, or 0 when it is not all there or refused. */
static size_t shake_hands(struct peer *p, unsigned char *bytes, size_t size) {
    static const char refusal[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    unsigned char *end = memmem(bytes, size, "\r\n\r\n", 4);
    const char *key = NULL;
    char text[200], value[ACCEPT_CHARACTERS + 1];
    int upgrades = 0, right_version = 0;
    if (!end && size < MAX_HEAD) return 0;
    for (unsigned char *line = end ? memmem(bytes, size, "\r\n", 2) + 2 : NULL, *stop; line && line < end; line = stop + 2) {
        stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
        if (!strncasecmp((char *)line, "sec-websocket-key: ", 19) && stop - line == 19 + KEY_CHARACTERS) key = (char *)line + 19;
        right_version |= !strncasecmp((char *)line, "sec-websocket-version: 13\r", 26);
        upgrades |= !strncasecmp((char *)line, "upgrade: websocket\r", 19);
    }
    if (!key || !upgrades || !right_version || memcmp(bytes, "GET ", 4)) {
        deliver(p, (const unsigned char *)refusal, sizeof refusal - 1);
        p->closing = 1;
        return 0;
    }
    accept_value(key, value);
    int used = snprintf(text, sizeof text, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                           "Sec-WebSocket-Accept: %s\r\n\r\n", value);
    deliver(p, (unsigned char *)text, (size_t)used);
    p->open = 1;
    if ((p->next = everybody)) everybody->self = &p->next;
    p->self = &everybody;
    everybody = p;
    return (size_t)(end + 4 - bytes);
}

/* Keeps the frame that is not whole yet, in a buffer with room for all of it: `start` bytes are there, `end` will be. */
static void keep_rest(struct peer *p, const unsigned char *rest, size_t size, size_t wanted) {
    if (rest == p->asked.data && wanted <= p->asked.end) {
        p->asked.start = size;
        return;
    }
    unsigned char *data = size ? memcpy(malloc(wanted), rest, size) : NULL;
    free(p->asked.data);
    p->asked = (struct bytes){size, wanted, data};
}

static void readable(struct peer *p) {
    unsigned char *bytes = in;
    size_t filled = 0, room = READ_BYTES, at = 0, wanted = MAX_HEAD, size;
    if (p->asked.data) bytes = p->asked.data, filled = p->asked.start, room = p->asked.end;
    ssize_t n = recv(p->fd, bytes + filled, room - filled, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) {
        drop(p);
        return;
    }
    filled += (size_t)n;
    if (!p->open) at = shake_hands(p, bytes, filled);
    while (p->open && !p->closing && at < filled && (size = take(p, bytes + at, filled - at, &wanted))) at += size;
    keep_rest(p, bytes + at, p->closing ? 0 : filled - at, wanted);
    if (p->closing && !p->kept.data) shutdown(p->fd, SHUT_WR);
}

static void writable(struct peer *p) {
    ssize_t sent = send(p->fd, p->kept.data + p->kept.start, p->kept.end - p->kept.start, MSG_NOSIGNAL);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR)) return;
    p->kept.start += sent > 0 ? (size_t)sent : 0;
    if (sent > 0 && p->kept.start < p->kept.end) return;
    free(p->kept.data);
    p->kept = (struct bytes){0};
    if (sent < 0 || p->closing) drop(p);
    else watch(p, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv) {
    struct sockaddr_in here = {.sin_family = AF_INET};
    socklen_t length = sizeof here;
    static struct epoll_event events[1024];
    struct peer listener = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
    broadcasts = argc > 1 && !strcmp(argv[1], "broadcast");
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener.fd, (void *)&here, sizeof here) < 0 || listen(listener.fd, BACKLOG) < 0 ||
        getsockname(listener.fd, (void *)&here, &length) < 0) {
        perror("websocket_server");
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
                int fd, one = 1;
                while ((fd = accept4(listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    struct peer *fresh = calloc(1, sizeof *fresh);
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
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
