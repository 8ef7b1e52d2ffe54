/* What the load generators share: the clock, giving up, latencies, and the line that the measuring program waits for.
 *
 * Rule: nothing of sockets here.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static uint64_t operations;

/* Latencies in buckets 1/64 apart (error under 1.6 %), so that a run of any length needs the same memory. */
enum { SUB_BITS = 6, BUCKETS = 64 << SUB_BITS };
static uint64_t buckets[BUCKETS];

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static void die(const char *format, ...) {
    va_list arguments;
    char text[300];
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *c = text; *c; c++) /* what a server sent may stand in it, and the line must stay JSON */
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\') *c = '?';
    fprintf(stderr, "client: %s\n", text);
    printf("{\"errors\": 1, \"message\": \"%s\", \"ops\": %llu}\n", text, (unsigned long long)operations);
    fflush(stdout);
    exit(1);
}

static unsigned bucket_of(uint64_t ns) {
    if (ns < (1u << SUB_BITS)) return (unsigned)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - SUB_BITS;
    return ((shift + 1) << SUB_BITS) + (unsigned)((ns >> shift) & ((1u << SUB_BITS) - 1));
}

static double bucket_us(unsigned bucket) {
    unsigned group = bucket >> SUB_BITS, sub = bucket & ((1u << SUB_BITS) - 1);
    if (group == 0) return sub / 1e3;
    return (double)((uint64_t)((1u << SUB_BITS) + sub) << (group - 1)) / 1e3;
}

static double percentile_us(double share) {
    uint64_t total = 0, seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) total += buckets[i];
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += buckets[i];
        if (total && (double)seen >= share * (double)total) return bucket_us(i);
    }
    return 0;
}

static void wait_for_line(const char *say) {
    char c;
    puts(say);
    fflush(stdout);
    while (read(0, &c, 1) == 1 && c != '\n') {}
}
