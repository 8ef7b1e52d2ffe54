/* TLS for the servers in C: their recv, send, close and accept4 become these. tls_echo.c and https_server.c use it.
 *
 * Rule: as little as is right. One recv brings what is there, and what comes of it leaves in one send: OpenSSL works in
 * memory, because on a socket it would make two system calls for each record.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILES = 1 << 16, TLS_READ = 1 << 16, TLS_RECORD = 16384 + 256 };

struct secured {
    SSL *tls;
    BIO *in, *out;
    int owed;                  /* the last byte of a send was encrypted, but not all of it has left */
};

static struct secured secured[FILES];
static SSL_CTX *tls_context;

static void tls_begin(const char *key, const char *certificate) {
    tls_context = SSL_CTX_new(TLS_server_method());
    if (SSL_CTX_use_certificate_chain_file(tls_context, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls_context, key, SSL_FILETYPE_PEM) != 1) {
        ERR_print_errors_fp(stderr);
        exit(1);
    }
    SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls_context, SSL_MODE_RELEASE_BUFFERS);
}

static int tls_accept(int listener) {
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return fd;
    if (fd >= FILES) fputs("too many connections\n", stderr), exit(1);
    struct secured *s = &secured[fd];
    s->tls = SSL_new(tls_context);
    s->in = BIO_new(BIO_s_mem());
    s->out = BIO_new(BIO_s_mem());
    s->owed = 0;
    SSL_set_bio(s->tls, s->in, s->out);
    SSL_set_accept_state(s->tls);
    return fd;
}

/* Sends what waits; returns 1 if nothing waits any more, 0 if the kernel takes no more, -1 if the peer is gone. */
static int tls_flush(int fd) {
    struct secured *s = &secured[fd];
    char *bytes;
    long size;
    while ((size = BIO_get_mem_data(s->out, &bytes)) > 0) {
        static char left[TLS_RECORD];
        ssize_t n = send(fd, bytes, (size_t)size, MSG_NOSIGNAL);
        if (n < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
        if (n == size) {
            (void)BIO_reset(s->out);
            return 1;
        }
        while (n > 0) n -= BIO_read(s->out, left, n < TLS_RECORD ? (int)n : TLS_RECORD);
    }
    return 1;
}

/* As recv, with the handshake in it. The room must be for a record more than what is read, so that nothing stays inside. */
static ssize_t tls_recv(int fd, void *to, size_t room) {
    static char cipher[TLS_READ];
    struct secured *s = &secured[fd];
    size_t filled = 0, most = room < sizeof cipher ? room : sizeof cipher;
    int n = -1;
    if (most <= TLS_RECORD) return 0;
    ssize_t came = recv(fd, cipher, most - TLS_RECORD, 0);
    if (came <= 0) return came;
    BIO_write(s->in, cipher, (int)came);
    ERR_clear_error();
    while (filled < room && (n = SSL_read(s->tls, (char *)to + filled, (int)(room - filled))) > 0) filled += (size_t)n;
    int error = n > 0 ? SSL_ERROR_NONE : SSL_get_error(s->tls, n);
    if (tls_flush(fd) < 0) return 0;
    if (filled) return (ssize_t)filled;
    if (error != SSL_ERROR_WANT_READ) return 0;
    errno = EAGAIN;
    return -1;
}

/* As send. What was encrypted cannot be taken back: as long as some of it waits here, one byte less is told. */
static ssize_t tls_send(int fd, const void *bytes, size_t size) {
    struct secured *s = &secured[fd];
    int flushed = tls_flush(fd);
    if (flushed == 1 && s->owed) {
        s->owed = 0;
        return (ssize_t)size; /* that one byte */
    }
    if (flushed == 1) {
        if (SSL_write(s->tls, bytes, (int)size) != (int)size) return -1;
        flushed = tls_flush(fd);
        if (flushed == 1) return (ssize_t)size;
        s->owed = 1;
        if (flushed == 0 && size > 1) return (ssize_t)size - 1;
    }
    if (flushed == 0) errno = EAGAIN;
    return -1;
}

static int tls_close(int fd) {
    struct secured *s = &secured[fd];
    if (SSL_is_init_finished(s->tls)) {
        SSL_shutdown(s->tls);
        tls_flush(fd);
    }
    SSL_free(s->tls);
    return close(fd);
}
