/* Load for the WebSocket servers: N connections, each with one message under way (ping-pong), by epoll; or one message for all.
 *
 * Role: the only load generator here for WebSocket, because a client in Python or Node is slower than the servers it should
 * measure. Rule: no reply goes unchecked: the accept value of each handshake; of each reply the first byte, the length in its
 * shortest form, and every byte, the sequence number included; the answer to a close frame. The first one that is wrong,
 * short, long or late ends the run with a message on stderr, "errors": 1 and exit status 1.
 *
 *   websocket_load ping --port P [--connections N] [--size BYTES] [--kind text|utf8|binary] [--broadcast] [--warmup S]
 *                       [--seconds S | --operations N] [--stall S] [--handshake]
 *   websocket_load idle --port P [--connections N] [--size BYTES] [--kind ...] [--touch]
 *
 * ping: an operation is one message that came back. With --broadcast the first connection sends and every one receives: an
 *       operation is then one message that all have. --handshake and the line of JSON are those of client.c; in it "wire" is how
 *       many bytes a reply had on average, header included.
 * idle: opens the connections (with --touch each gets one message back first), prints "OPEN n", holds them until stdin ends.
 * text is JSON in ASCII; utf8 is the same with a third of its letters beyond ASCII. Each frame has a new masking key.
 * websocket_deflate_load is this program with permessage-deflate, which the server must then accept: every message is another
 * text and is compressed by zlib; a reply may be compressed or not. Connects to 127.0.0.1 only.
 */
#include "load_tcp.h"

#include <getopt.h>
#include <poll.h>

#include "websocket.h"
#ifdef DEFLATE
#include <zlib.h>
#endif

enum { MARK = 16, MIN_SIZE = 2 * MARK, READ_BYTES = 1 << 18, HEAD_ROOM = 4096, ROWS = 4096, ROW_ROOM = 80 };

struct connection {
    struct link link;
    uint64_t sequence;             /* of the message that it sent last; 0 before the first */
    size_t sent, frame_size;       /* bytes of the frame under way */
    size_t headed, received;       /* bytes of the reply: of its header, of its payload */
    uint64_t length;               /* of the reply's payload, when its header is whole */
    unsigned char header[MAX_HEADER];
    unsigned char *message, *frame; /* what was sent, so what must come back; and as it was sent */
#ifdef DEFLATE
    z_stream out, in;
    int out_alone, in_alone;       /* each message has a window of its own */
    unsigned char *packed;         /* the reply's payload */
#endif
};

static struct connection *connections;
static int first_byte = FIN | TEXT, broadcast;
static size_t size = 64, packed_room;
static uint64_t replies, reply_bytes, random_state = 88172645463325252ull;
static unsigned char *incoming;
static char rows[ROWS][ROW_ROOM];
static size_t row_sizes[ROWS];

static struct link *link_at(int index) { return &connections[index].link; }
static int index_of(struct connection *c) { return (int)(c - connections); }
static struct connection *sender_of(struct connection *c) { return broadcast ? connections : c; }
static unsigned long long number_for(struct connection *c) { return (unsigned long long)sender_of(c)->sequence; }

static uint64_t random_bits(void) { /* xorshift64 */
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

/* Rows of JSON that look alike and are not the same. */
static void make_rows(int beyond_ascii) {
    static const char *const names[] = {"Zürich", "東京", "Łódź", "Málaga", "Αθήνα", "北京市"};
    for (int i = 0; i < ROWS; i++) {
        uint64_t bits = random_bits();
        const char *name = beyond_ascii ? names[bits % 6] : "Leipzig";
        row_sizes[i] = (size_t)(beyond_ascii
            ? snprintf(rows[i], ROW_ROOM, "{\"%s\":\"%s%s\",\"%u\"},", name, names[bits / 6 % 6], names[bits / 36 % 6], (unsigned)(bits >> 32) % 100)
            : snprintf(rows[i], ROW_ROOM, "{\"place\":\"%s\",\"id\":%u,\"value\":%u.%02u},", name, (unsigned)(bits & 0xffff),
                       (unsigned)(bits >> 16 & 1023), (unsigned)(bits >> 32) % 100));
    }
}

/* Fills a message with rows, the first one chosen by chance; of the last one with what fits, but no part of a letter. */
static void write_text(unsigned char *to, size_t room) {
    for (uint64_t row = random_bits() % ROWS; room; row = (row + 1) % ROWS) {
        size_t n = row_sizes[row] < room ? row_sizes[row] : room;
        memcpy(to, rows[row], n);
        for (size_t i = n; n < row_sizes[row] && i && to[i - 1] & 0x80; i--) to[i - 1] = ' ';
        to += n;
        room -= n;
    }
}

static void push(struct link *l) {
    struct connection *c = (struct connection *)l;
    c->sent += send_some(l, index_of(c), c->frame + c->sent, c->frame_size - c->sent);
}

/* The payload that is sent for the message, in place for its mask; returns its size. */
static size_t pack(struct connection *c, unsigned char **payload) {
#ifdef DEFLATE
    c->out.next_in = c->message;
    c->out.avail_in = (unsigned)size;
    c->out.next_out = *payload = c->frame + MAX_HEADER;
    c->out.avail_out = (unsigned)packed_room;
    if (deflate(&c->out, Z_SYNC_FLUSH) != Z_OK || c->out.avail_in || !c->out.avail_out) die("connection %d: deflate failed", index_of(c));
    if (c->out_alone) deflateReset(&c->out);
    return packed_room - c->out.avail_out - 4; /* without 00 00 FF FF: RFC 7692 7.2.1 */
#else
    *payload = c->message;
    return size;
#endif
}

/* The number stands in the first bytes and again in the last ones: a server that drops or repeats a piece is caught. */
static void start(struct link *l) {
    struct connection *c = (struct connection *)l;
    char number[MARK + 1];
    unsigned char key[4], *payload;
    size_t length, used;
    uint32_t bits = (uint32_t)(random_bits() >> 16);
    if (c != sender_of(c)) return;
    c->sequence++;
    snprintf(number, sizeof number, "%04x%012llx", (unsigned)index_of(c) & 0xffff, (unsigned long long)c->sequence & 0xffffffffffff);
#ifdef DEFLATE /* another text, or the window would have it all already */
    if ((first_byte & 15) == TEXT) write_text(c->message + MARK, size - 2 * MARK);
#endif
    memcpy(c->message, number, MARK);
    memcpy(c->message + size - MARK, number, MARK);
    memcpy(key, &bits, 4);
    length = pack(c, &payload);
    used = write_header(c->frame, first_byte, MASKED, length);
    memcpy(c->frame + used, key, 4);
    mask(c->frame + used + 4, payload, length, key);
    c->frame_size = used + 4 + length;
    c->sent = 0;
    for (int i = broadcast ? 0 : index_of(c); i < (broadcast ? link_count : index_of(c) + 1); i++) {
        struct connection *to = &connections[i];
        to->headed = to->received = 0;
        to->link.started_ns = now_ns();
        to->link.under_way = 1;
        in_flight++;
    }
    push(l);
}

static void late(struct link *l, int index, double seconds) {
    struct connection *c = (struct connection *)l;
    die("connection %d: %.1f s after message %llu only %zu bytes of header and %zu of payload came back: a short reply", index, seconds,
        number_for(c), c->headed, c->received);
}

static void compare(struct connection *c, const unsigned char *got, size_t from, size_t n) {
    const unsigned char *right = sender_of(c)->message;
    size_t at = 0;
    if (!memcmp(got, right + from, n)) return;
    while (got[at] == right[from + at]) at++;
    if (from == 0 && n >= MARK && memcmp(got, right, MARK))
        die("connection %d: the reply carries the number %.*s, sent was %.*s", index_of(c), MARK, (const char *)got, MARK,
            (const char *)right);
    die("connection %d: byte %zu of the reply to message %llu differs from what was sent", index_of(c), from + at, number_for(c));
}

/* Checks a header that is whole. */
static void check_header(struct connection *c) {
    const unsigned char *h = c->header;
    unsigned char shortest[MAX_HEADER];
    c->length = payload_length(h);
    if ((h[0] & 15) == CLOSE) die("connection %d: the server closes instead of its reply to message %llu", index_of(c), number_for(c));
#ifdef DEFLATE
    int is_packed = h[0] & RSV1, right = (first_byte & ~RSV1) | is_packed;
#else
    int is_packed = 0, right = first_byte;
#endif
    if (h[0] != right)
        die("connection %d: the reply to message %llu begins with the byte 0x%02x, right is 0x%02x", index_of(c), number_for(c), h[0], right);
    if (h[1] & MASKED) die("connection %d: the reply to message %llu is masked", index_of(c), number_for(c));
    if (is_packed ? c->length > packed_room : c->length != size)
        die("connection %d: the reply to message %llu has %llu bytes, right are %zu: a %s reply", index_of(c), number_for(c),
            (unsigned long long)c->length, size, c->length < size ? "short" : "long");
    if (write_header(shortest, h[0], 0, c->length) != c->headed)
        die("connection %d: the length of the reply to message %llu is not in its shortest form", index_of(c), number_for(c));
}

/* Takes bytes of the payload. */
static void take(struct connection *c, const unsigned char *got, size_t n) {
#ifdef DEFLATE
    if (c->header[0] & RSV1) {
        memcpy(c->packed + c->received, got, n);
        return;
    }
#endif
    compare(c, got, c->received, n);
}

#ifdef DEFLATE
/* Inflates a reply that is whole, and compares it. */
static void unpack(struct connection *c) {
    static unsigned char *plain;
    if (!(c->header[0] & RSV1)) return;
    if (!plain) plain = malloc(size + 1);
    memcpy(c->packed + c->length, "\0\0\377\377", 4);
    c->in.next_in = c->packed;
    c->in.avail_in = (unsigned)c->length + 4;
    c->in.next_out = plain;
    c->in.avail_out = (unsigned)size + 1;
    int done = inflate(&c->in, Z_SYNC_FLUSH);
    if ((done != Z_OK && done != Z_BUF_ERROR) || c->in.avail_in)
        die("connection %d: the reply to message %llu cannot be inflated, or is too long", index_of(c), number_for(c));
    if (size + 1 - c->in.avail_out != size)
        die("connection %d: the reply to message %llu has %zu bytes when it is inflated, right are %zu", index_of(c), number_for(c),
            size + 1 - c->in.avail_out, size);
    compare(c, plain, 0, size);
    if (c->in_alone) inflateReset(&c->in);
}
#endif

/* A reply is whole. */
static void finish(struct connection *c) {
    struct connection *sender = sender_of(c);
#ifdef DEFLATE
    unpack(c);
#endif
    if (sender->sent < sender->frame_size) die("connection %d: a whole reply before the message was sent", index_of(c));
    c->link.under_way = 0;
    in_flight--;
    if (counting) replies++, reply_bytes += c->headed + c->length;
    if (broadcast && in_flight) return;
    if (counting) {
        operations++;
        buckets[bucket_of(now_ns() - c->link.started_ns)]++;
        if (target_operations && operations >= target_operations) stopping = 1;
    }
}

static void pull(struct link *l) {
    struct connection *c = (struct connection *)l;
    ssize_t n;
    while ((n = recv(l->fd, incoming, READ_BYTES, 0)) < 0 && errno == EINTR) {}
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) die("connection %d: recv: %s", index_of(c), strerror(errno));
    if (n == 0)
        die("connection %d: closed by the server after %zu bytes of the reply to message %llu: a short reply", index_of(c),
            c->headed + c->received, number_for(c));
    for (size_t at = 0; at < (size_t)n;) {
        if (!l->under_way) die("connection %d: more than the reply to message %llu: a long reply", index_of(c), number_for(c));
        if (c->headed < 2 || c->headed < header_size(c->header[1])) {
            c->header[c->headed++] = incoming[at++];
            if (c->headed < 2 || c->headed < header_size(c->header[1])) continue;
            check_header(c);
        }
        size_t wanted = c->length - c->received, here = (size_t)n - at < wanted ? (size_t)n - at : wanted;
        take(c, incoming + at, here);
        c->received += here;
        at += here;
        if (c->received == c->length) finish(c);
    }
    if (!in_flight || !broadcast)
        if (!l->under_way && !stopping) start(&sender_of(c)->link);
}

/* A header field's value in a head that ends in an empty line, or NULL. Its end is the line's. */
static const char *field(const char *head, const char *name) {
    size_t length = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line + 2, "\r\n"))
        if (!strncasecmp(line + 2, name, length) && line[2 + length] == ':') {
            const char *value = line + 3 + length;
            return value + strspn(value, " ");
        }
    return NULL;
}

static void agree(struct connection *c, const char *extensions) {
    int index = index_of(c);
#ifdef DEFLATE
    char text[200];
    const char *bits;
    if (!extensions || strncmp(extensions, "permessage-deflate", 18))
        die("connection %d: the server does not accept permessage-deflate", index);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(extensions, "\r"), extensions);
    bits = strstr(text, "client_max_window_bits=");
    c->out_alone = strstr(text, "client_no_context_takeover") != NULL;
    c->in_alone = strstr(text, "server_no_context_takeover") != NULL;
    if (deflateInit2(&c->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, bits ? -atoi(strchr(bits, '=') + 1) : -15, 8, Z_DEFAULT_STRATEGY) != Z_OK ||
        inflateInit2(&c->in, -15) != Z_OK)
        die("connection %d: zlib does not begin", index);
    c->packed = malloc(packed_room + 4);
#else
    if (extensions) die("connection %d: the server accepts an extension that was not offered", index);
    (void)c;
#endif
}

/* The opening handshake, RFC 6455 4.1: waits for the answer and checks it. */
static void shake_hands(struct connection *c, int port) {
    static const char *const offer =
#ifdef DEFLATE
        "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
#else
        "";
#endif
    char request[400], answer[HEAD_ROOM + 1], key[KEY_CHARACTERS + 1], right[ACCEPT_CHARACTERS + 1];
    const char *accepted;
    size_t filled = 0;
    uint64_t nonce[2] = {random_bits(), random_bits()};
    struct pollfd wait = {.fd = c->link.fd, .events = POLLIN};
    int index = index_of(c);
    base64((unsigned char *)nonce, sizeof nonce, key);
    accept_value(key, right);
    int used = snprintf(request, sizeof request,
                        "GET / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s\r\n", port, key, offer);
    if (send(c->link.fd, request, (size_t)used, MSG_NOSIGNAL) != used) die("connection %d: the handshake's request cannot be sent", index);
    for (answer[0] = 0; !strstr(answer, "\r\n\r\n"); answer[filled] = 0) {
        if (poll(&wait, 1, (int)(stall_ns / 1000000)) == 0) die("connection %d: the handshake is not answered", index);
        ssize_t n = recv(c->link.fd, answer + filled, HEAD_ROOM - filled, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
        if (n <= 0) die("connection %d: closed in the handshake, or its answer is too long", index);
        filled += (size_t)n;
    }
    if (strncmp(answer, "HTTP/1.1 101", 12)) die("connection %d: the handshake is answered with '%.40s'", index, answer);
    accepted = field(answer, "Sec-WebSocket-Accept");
    if (!accepted || strncmp(accepted, right, ACCEPT_CHARACTERS)) die("connection %d: the accept value is wrong", index);
    if (strstr(answer, "\r\n\r\n") + 4 != answer + filled) die("connection %d: bytes behind the handshake that nothing asked for", index);
    agree(c, field(answer, "Sec-WebSocket-Extensions"));
}

/* The closing handshake, RFC 6455 7.1.2: a server that logs connections cut off would fill its log. */
static void close_all(void) {
    static const unsigned char right[4] = {FIN | CLOSE, 2, 1000 >> 8, 1000 & 255};
    unsigned char frame[8] = {FIN | CLOSE, MASKED | 2, 0, 0, 0, 0, 1000 >> 8, 1000 & 255}, reply[4];
    for (int i = 0; i < link_count; i++) send(connections[i].link.fd, frame, sizeof frame, MSG_NOSIGNAL);
    for (int i = 0; i < link_count; i++) {
        struct pollfd wait = {.fd = connections[i].link.fd, .events = POLLIN};
        if (poll(&wait, 1, (int)(stall_ns / 1000000)) == 0) die("connection %d: the closing handshake is not answered", i);
        if (recv(wait.fd, reply, sizeof reply, MSG_WAITALL) != sizeof reply || memcmp(reply, right, sizeof reply))
            die("connection %d: the answer to a close frame is not one with the same code", i);
    }
}

static void open_all(int port, const char *kind) {
    allow_files(link_count + 64);
    epoll_fd = epoll_create1(0);
    connections = calloc((size_t)link_count, sizeof *connections);
    incoming = malloc(READ_BYTES);
    packed_room = size + size / 8 + 64;
    make_rows(!strcmp(kind, "utf8"));
    for (int i = 0; i < link_count; i++) {
        struct connection *c = &connections[i];
        open_link(&c->link, i, port);
        shake_hands(c, port);
        if (broadcast && i) continue;
        c->message = malloc(size);
        c->frame = malloc(MAX_HEADER + packed_room);
        if (!strcmp(kind, "binary"))
            for (size_t b = 0; b < size; b++) c->message[b] = (unsigned char)random_bits();
        else write_text(c->message + MARK, size - 2 * MARK);
    }
}

int main(int argc, char **argv) {
    int port = 0, touch = 0, handshake = 0, option;
    double seconds = 1, warmup = 0.3;
    const char *kind = "text";
    static const struct option known[] = {
        {"port", 1, 0, 'p'},    {"connections", 1, 0, 'c'}, {"size", 1, 0, 's'},       {"kind", 1, 0, 'k'},  {"broadcast", 0, 0, 'b'},
        {"warmup", 1, 0, 'w'},  {"seconds", 1, 0, 't'},     {"operations", 1, 0, 'o'}, {"stall", 1, 0, 'l'}, {"touch", 0, 0, 'x'},
        {"handshake", 0, 0, 'h'}, {0}};
    const char *mode = argc > 1 ? argv[1] : "";
    optind = 2;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'c': link_count = atoi(optarg); break;
        case 's': size = strtoul(optarg, NULL, 10); break;
        case 'k': kind = optarg; break;
        case 'b': broadcast = 1; break;
        case 'w': warmup = atof(optarg); break;
        case 't': seconds = atof(optarg); break;
        case 'o': target_operations = strtoull(optarg, NULL, 10); break;
        case 'l': stall_ns = (uint64_t)(atof(optarg) * 1e9); break;
        case 'x': touch = 1; break;
        case 'h': handshake = 1; break;
        default: return 2;
        }
    if (port <= 0 || link_count <= 0 || (strcmp(mode, "ping") && strcmp(mode, "idle"))) {
        fprintf(stderr, "usage: websocket_load ping|idle --port P [--connections N] [--size BYTES] ... (see the top of websocket_load.c)\n");
        return 2;
    }
    if (size < MIN_SIZE) die("a message needs at least %d bytes for its number", MIN_SIZE);
    if (strcmp(kind, "text") && strcmp(kind, "utf8") && strcmp(kind, "binary")) die("--kind is text, utf8 or binary");
    first_byte = FIN | (strcmp(kind, "binary") ? TEXT : BINARY);
#ifdef DEFLATE
    first_byte |= RSV1;
#endif
    open_all(port, kind);
    if (!strcmp(mode, "idle")) {
        hold(touch);
        return 0;
    }
    double took = measure(warmup, seconds, handshake);
    close_all();
    printf("{\"ops\": %llu, \"seconds\": %.6f, \"errors\": 0, \"p50_us\": %.1f, \"p99_us\": %.1f, \"own_cpu_us\": %.3f, \"wire\": %.1f, \"connections\": %d, \"size\": %zu}\n",
           (unsigned long long)operations, took, percentile_us(0.50), percentile_us(0.99), (double)own_cpu_ns / 1e3 / (double)operations,
           (double)reply_bytes / (double)replies, link_count, size);
    fflush(stdout);
    return 0;
}
