/* Load for the HTTP servers: N keep-alive connections, each with one batch of requests under way, by epoll.
 *
 * Role: the only load generator here for HTTP, because a client in Python or Node is slower than the servers it should measure.
 * Rule: no answer goes unchecked: status 200, how its end is told, its length, and every byte of its body, which is
 * "Hello World\n" for a GET and the request's own body for a POST. The first answer that is wrong, short, long or late
 * ends the run with a message on stderr, "errors": 1 and exit status 1.
 *
 *   http_load ping --port P [--connections N] [--pipeline DEPTH] [--body BYTES] [--head bare|curl|browser]
 *                  [--framing length|chunked] [--warmup S] [--seconds S | --operations N] [--stall S] [--handshake]
 *   http_load idle --port P [--connections N] [--touch]
 *
 * ping: an operation is one answer. DEPTH requests leave in one write, and the next ones when all are answered. With
 *       --body each is a POST, which carries its number at both ends of the body. With --framing an answer that tells its
 *       end in another way is wrong. --handshake and the line of JSON are those of client.c.
 * idle: opens the connections (with --touch each has one request answered first), prints "OPEN n", holds them until stdin ends.
 * Connects to 127.0.0.1 only.
 */
#include "load_tcp.h"

#include <getopt.h>
#include <strings.h>

enum { MIN_BODY = 24, HEAD_ROOM = 2048, ANSWER_ROOM = 4096 };
enum framing { ANY, BY_LENGTH, BY_CHUNKS };

struct connection {
    struct link link;
    uint64_t first;                /* number of the first request of the batch under way */
    int answered;                  /* of that batch */
    size_t sent, filled;           /* bytes of the batch; bytes of an answer that is not whole yet */
    unsigned char *batch, *answers;
};

struct answer {
    size_t head, length;           /* bytes of the head, empty line included; Content-Length */
    enum framing framing;
};

static struct connection *connections;
static int depth = 1;
static size_t body_size, request_size, request_head, answer_room;
static enum framing wanted = ANY;
static char head[HEAD_ROOM];
static const char hello[] = "Hello World\n";

static struct link *link_at(int index) { return &connections[index].link; }
static int index_of(struct connection *c) { return (int)(c - connections); }
static unsigned long long number_of(struct connection *c) { return (unsigned long long)c->first + (unsigned)c->answered; }

static void push(struct link *l) {
    struct connection *c = (struct connection *)l;
    c->sent += send_some(l, index_of(c), c->batch + c->sent, request_size * (size_t)depth - c->sent);
}

static void start(struct link *l) {
    struct connection *c = (struct connection *)l;
    c->first += (uint64_t)depth;
    c->answered = 0;
    for (int i = 0; body_size && i < depth; i++) {
        uint64_t number = c->first + (uint64_t)i;
        unsigned char *body = c->batch + (size_t)i * request_size + request_head;
        memcpy(body, &number, 8);
        memcpy(body + body_size - 8, &number, 8);
    }
    c->sent = 0;
    l->started_ns = now_ns();
    l->under_way = 1;
    in_flight++;
    push(l);
}

static void late(struct link *l, int index, double seconds) {
    struct connection *c = (struct connection *)l;
    die("connection %d: %.1f s after request %llu its answer is not whole (%zu bytes of it came): a short answer", index,
        seconds, number_of(c), c->filled);
}

/* A line's value, if the line has this name (given with its colon); else NULL. */
static const char *value_of(const char *line, const char *end, const char *name) {
    size_t size = strlen(name);
    if ((size_t)(end - line) < size || strncasecmp(line, name, size)) return NULL;
    for (line += size; line < end && *line == ' '; line++) {}
    return line;
}

/* Reads an answer's head; 0 when it is not all there. */
static int read_head(struct connection *c, const char *bytes, size_t size, struct answer *a) {
    const char *end = memmem(bytes, size, "\r\n\r\n", 4);
    const char *line;
    int lengths = 0, chunked = 0;
    if (!end) {
        if (size > ANSWER_ROOM / 2) die("connection %d: the head of the answer to request %llu does not end", index_of(c), number_of(c));
        return 0;
    }
    if (size < 12 || memcmp(bytes, "HTTP/1.1 200", 12))
        die("connection %d: the answer to request %llu begins with '%.12s', not with HTTP/1.1 200", index_of(c), number_of(c), bytes);
    for (line = memchr(bytes, '\n', (size_t)(end + 2 - bytes)) + 1; line < end;) {
        const char *stop = memmem(line, (size_t)(end + 2 - line), "\r\n", 2), *value;
        if ((value = value_of(line, stop, "content-length:"))) a->length = strtoul(value, NULL, 10), lengths++;
        else if ((value = value_of(line, stop, "transfer-encoding:"))) chunked += stop - value == 7 && !strncasecmp(value, "chunked", 7);
        else if ((value = value_of(line, stop, "connection:")) && stop - value == 5 && !strncasecmp(value, "close", 5))
            die("connection %d: the answer to request %llu says Connection: close", index_of(c), number_of(c));
        line = stop + 2;
    }
    if (lengths + chunked != 1)
        die("connection %d: the answer to request %llu has %d Content-Length and %d Transfer-Encoding: chunked", index_of(c),
            number_of(c), lengths, chunked);
    a->framing = chunked ? BY_CHUNKS : BY_LENGTH;
    if (wanted != ANY && a->framing != wanted)
        die("connection %d: the answer to request %llu %s", index_of(c), number_of(c),
            chunked ? "is chunked and not sent with its length" : "is sent with its length and not chunked");
    a->head = (size_t)(end + 4 - bytes);
    return 1;
}

static void compare(struct connection *c, const char *got, size_t from, size_t size) {
    const char *right = body_size ? (char *)c->batch + (size_t)c->answered * request_size + request_head : hello;
    size_t at = 0;
    if (!memcmp(got, right + from, size)) return;
    while (got[at] == right[from + at]) at++;
    die("connection %d: byte %zu of the answer to request %llu differs from what is right", index_of(c), from + at, number_of(c));
}

/* Checks one answer at the start of the bytes; returns its size, or 0 when it is not all there. */
static size_t check(struct connection *c, const char *bytes, size_t size) {
    struct answer a = {0};
    size_t whole = body_size ? body_size : sizeof hello - 1, at, got = 0;
    if (!read_head(c, bytes, size, &a)) return 0;
    if (a.framing == BY_LENGTH) {
        if (a.length != whole)
            die("connection %d: the answer to request %llu has %zu bytes, right are %zu: a %s answer", index_of(c), number_of(c),
                a.length, whole, a.length < whole ? "short" : "long");
        if (size < a.head + whole) return 0;
        compare(c, bytes + a.head, 0, whole);
        return a.head + whole;
    }
    for (at = a.head;;) {
        const char *stop = memmem(bytes + at, size - at, "\r\n", 2);
        char *digits;
        size_t chunk;
        if (!stop) return 0;
        chunk = strtoul(bytes + at, &digits, 16);
        if (digits == bytes + at || (digits != stop && *digits != ';'))
            die("connection %d: a chunk of the answer to request %llu has no size", index_of(c), number_of(c));
        at = (size_t)(stop + 2 - bytes);
        if (chunk > whole - got)
            die("connection %d: more than the %zu bytes of the answer to request %llu: a long answer", index_of(c), whole, number_of(c));
        if (size < at + chunk + 2) return 0;
        compare(c, bytes + at, got, chunk);
        got += chunk;
        at += chunk;
        if (memcmp(bytes + at, "\r\n", 2))
            die("connection %d: a chunk of the answer to request %llu does not end in CRLF", index_of(c), number_of(c));
        at += 2;
        if (!chunk) break;
    }
    if (got != whole)
        die("connection %d: the answer to request %llu has %zu bytes, right are %zu: a short answer", index_of(c), number_of(c), got,
            whole);
    return at;
}

static void pull(struct link *l) {
    struct connection *c = (struct connection *)l;
    ssize_t n;
    size_t at = 0, size;
    uint64_t now = 0;
    while ((n = receive(l, index_of(c), c->answers + c->filled, answer_room - c->filled)) < 0 && errno == EINTR) {}
    if (n < 0 && errno == EAGAIN) return;
    if (n < 0) die("connection %d: recv: %s", index_of(c), strerror(errno));
    if (n == 0)
        die("connection %d: closed by the server after %zu bytes of the answer to request %llu: a short answer", index_of(c),
            c->filled, number_of(c));
    c->filled += (size_t)n;
    c->answers[c->filled] = 0; /* numbers end somewhere */
    while (l->under_way && at < c->filled && (size = check(c, (char *)c->answers + at, c->filled - at))) {
        at += size;
        if (counting) {
            if (!now) now = now_ns();
            operations++;
            buckets[bucket_of(now - l->started_ns)]++;
            if (target_operations && operations >= target_operations) stopping = 1;
        }
        if (++c->answered < depth) continue;
        l->under_way = 0;
        in_flight--;
    }
    c->filled -= at;
    if (!l->under_way && c->filled)
        die("connection %d: more bytes than the answer to request %llu: a long answer", index_of(c), number_of(c) - 1);
    if (l->under_way && c->filled == answer_room) die("connection %d: the answer to request %llu does not end", index_of(c), number_of(c));
    memmove(c->answers, c->answers + at, c->filled);
    if (!l->under_way && c->sent < request_size * (size_t)depth)
        die("connection %d: a whole answer before the request was sent", index_of(c));
    if (!l->under_way && !stopping) start(l);
}

static void write_head(const char *kind, int port) {
    size_t used = 0;
    static const char curl[] = "User-Agent: http_load/1\r\nAccept: */*\r\n";
    static const char browser[] =
        "Connection: keep-alive\r\nCache-Control: max-age=0\r\n"
        "sec-ch-ua: \"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n"
        "Upgrade-Insecure-Requests: 1\r\n"
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
        "Sec-Fetch-Site: none\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n"
        "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\nCookie: session=0123456789abcdef\r\n";
    used += (size_t)snprintf(head, sizeof head, "%s / HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n", body_size ? "POST" : "GET", port);
    used += (size_t)snprintf(head + used, sizeof head - used, "%s",
                             !strcmp(kind, "browser") ? browser : !strcmp(kind, "curl") ? curl : "");
    if (body_size)
        used += (size_t)snprintf(head + used, sizeof head - used, "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n",
                                 body_size);
    used += (size_t)snprintf(head + used, sizeof head - used, "\r\n");
    request_head = used;
    request_size = request_head + body_size;
}

static void open_all(int port) {
    allow_files(link_count + 64);
    epoll_fd = epoll_create1(0);
    connections = calloc((size_t)link_count, sizeof *connections);
    answer_room = (ANSWER_ROOM + 2 * body_size) * (size_t)depth;
    for (int i = 0; i < link_count; i++) {
        struct connection *c = &connections[i];
        c->first = 1 - (uint64_t)depth;
        c->batch = malloc(request_size * (size_t)depth);
        c->answers = malloc(answer_room + 1);
        for (int r = 0; r < depth; r++) {
            unsigned char *request = c->batch + (size_t)r * request_size;
            memcpy(request, head, request_head);
            for (size_t b = 0; b < body_size; b++) request[request_head + b] = (unsigned char)(b * 31 + (size_t)(i + r));
        }
        open_link(&c->link, i, port);
    }
}

int main(int argc, char **argv) {
    int port = 0, touch = 0, handshake = 0, option;
    double seconds = 1, warmup = 0.3;
    const char *kind = "curl";
    static const struct option known[] = {
        {"port", 1, 0, 'p'},    {"connections", 1, 0, 'c'}, {"pipeline", 1, 0, 'd'}, {"body", 1, 0, 'b'},   {"head", 1, 0, 'n'},
        {"framing", 1, 0, 'f'}, {"warmup", 1, 0, 'w'},      {"seconds", 1, 0, 't'},  {"operations", 1, 0, 'o'},
        {"stall", 1, 0, 'l'},   {"touch", 0, 0, 'x'},       {"handshake", 0, 0, 'h'},
#ifdef SECURE
        {"ca", 1, 0, 'a'},
#endif
        {0}};
    const char *mode = argc > 1 ? argv[1] : "";
    optind = 2;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) switch (option) {
        case 'p': port = atoi(optarg); break;
        case 'c': link_count = atoi(optarg); break;
        case 'd': depth = atoi(optarg); break;
        case 'b': body_size = strtoul(optarg, NULL, 10); break;
        case 'n': kind = optarg; break;
        case 'f': wanted = !strcmp(optarg, "length") ? BY_LENGTH : !strcmp(optarg, "chunked") ? BY_CHUNKS : ANY; break;
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
    if (port <= 0 || link_count <= 0 || depth <= 0 || (strcmp(mode, "ping") && strcmp(mode, "idle"))) {
        fprintf(stderr, "usage: http_load ping|idle --port P [--connections N] ... (see the top of http_load.c)\n");
        return 2;
    }
    if (strcmp(kind, "bare") && strcmp(kind, "curl") && strcmp(kind, "browser")) die("--head is bare, curl or browser");
    if (body_size && body_size < MIN_BODY) die("a body needs at least %d bytes for its number", MIN_BODY);
    write_head(kind, port);
    open_all(port);
    if (!strcmp(mode, "idle")) {
        hold(touch);
        return 0;
    }
    double took = measure(warmup, seconds, handshake);
    printf("{\"ops\": %llu, \"seconds\": %.6f, \"errors\": 0, \"p50_us\": %.1f, \"p99_us\": %.1f, \"own_cpu_us\": %.3f, \"connections\": %d, \"depth\": %d}\n",
           (unsigned long long)operations, took, percentile_us(0.50), percentile_us(0.99),
           (double)own_cpu_ns / 1e3 / (double)operations, link_count, depth);
    fflush(stdout);
    return 0;
}
