/* What the WebSocket programs in C share: the accept value of a handshake (RFC 6455 4.2.2), frame headers and masks (5.2, 5.3).
 *
 * Rule: no sockets; whoever includes this has checked that there is room.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10, FIN = 0x80, RSV1 = 0x40, MASKED = 0x80 };
enum { KEY_CHARACTERS = 24, ACCEPT_CHARACTERS = 28, MAX_HEADER = 14 };

static uint32_t turned(uint32_t word, int bits) { return word << bits | word >> (32 - bits); }

/* SHA-1 (FIPS 180-4) of at most 119 bytes, which is two blocks: enough for a key and the GUID. */
static void sha1(const unsigned char *bytes, size_t size, unsigned char digest[20]) {
    uint32_t h[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    unsigned char padded[128] = {0};
    size_t whole = size < 56 ? 64 : 128;
    memcpy(padded, bytes, size);
    padded[size] = 0x80;
    padded[whole - 2] = (unsigned char)(size * 8 >> 8);
    padded[whole - 1] = (unsigned char)(size * 8);
    for (size_t at = 0; at < whole; at += 64) {
        uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
        for (int i = 0; i < 16; i++) {
            const unsigned char *p = padded + at + 4 * i;
            w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
        }
        for (int i = 16; i < 80; i++) w[i] = turned(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
        for (int i = 0; i < 80; i++) {
            uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
            uint32_t k = i < 20 ? 0x5a827999 : i < 40 ? 0x6ed9eba1 : i < 60 ? 0x8f1bbcdc : 0xca62c1d6;
            uint32_t t = turned(a, 5) + f + e + k + w[i];
            e = d, d = c, c = turned(b, 30), b = a, a = t;
        }
        h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
    }
    for (int i = 0; i < 20; i++) digest[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

/* Writes the base64 form of the bytes, with its padding and a final NUL. */
static void base64(const unsigned char *bytes, size_t size, char *to) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3, to += 4) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        if (i + 1 < size) group |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < size) group |= bytes[i + 2];
        to[0] = digits[group >> 18];
        to[1] = digits[group >> 12 & 63];
        to[2] = i + 1 < size ? digits[group >> 6 & 63] : '=';
        to[3] = i + 2 < size ? digits[group & 63] : '=';
    }
    *to = 0;
}

/* Sec-WebSocket-Accept for a key of 24 characters. */
static void accept_value(const char *key, char to[ACCEPT_CHARACTERS + 1]) {
    unsigned char digest[20];
    char text[KEY_CHARACTERS + 36 + 1];
    snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", KEY_CHARACTERS, key);
    sha1((unsigned char *)text, strlen(text), digest);
    base64(digest, sizeof digest, to);
}

/* Writes a frame's first bytes, with the length in its shortest form and no key; returns how many. */
static size_t write_header(unsigned char *to, int first, int mask_bit, size_t length) {
    int bytes = length < 126 ? 0 : length < 65536 ? 2 : 8;
    to[0] = (unsigned char)first;
    to[1] = (unsigned char)(mask_bit | (bytes == 0 ? (int)length : bytes == 2 ? 126 : 127));
    for (int i = 0; i < bytes; i++) to[2 + i] = (unsigned char)((uint64_t)length >> (8 * (bytes - 1 - i)));
    return 2 + (size_t)bytes;
}

/* Bytes of a frame's header (the key included), as its second byte tells. */
static size_t header_size(int second) {
    return 2 + ((second & 127) == 126 ? 2u : (second & 127) == 127 ? 8u : 0u) + (second & MASKED ? 4u : 0u);
}

/* The payload's length, from a header that is whole. */
static uint64_t payload_length(const unsigned char *header) {
    int low = header[1] & 127, bytes = low == 126 ? 2 : low == 127 ? 8 : 0;
    uint64_t length = 0;
    if (!bytes) return (uint64_t)low;
    for (int i = 0; i < bytes; i++) length = length << 8 | header[2 + i];
    return length;
}

/* Masks or unmasks: from and to may be the same. */
static void mask(unsigned char *to, const unsigned char *from, size_t size, const unsigned char key[4]) {
    uint32_t half;
    uint64_t word, both;
    size_t i = 0;
    memcpy(&half, key, 4);
    both = (uint64_t)half << 32 | half;
    for (; i + 8 <= size; i += 8) {
        memcpy(&word, from + i, 8);
        word ^= both;
        memcpy(to + i, &word, 8);
    }
    for (; i < size; i++) to[i] = from[i] ^ key[i & 3];
}
