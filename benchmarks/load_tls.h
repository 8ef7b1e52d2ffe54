/* TLS for the load generators: load_tcp.h includes it if a program defines SECURE before it includes the rest.
 *
 * Rule: every server is checked. Its certificate must be of the CA of --ca and for 127.0.0.1, and what was agreed on must
 * be TLS 1.3, TLS_AES_256_GCM_SHA384 and X25519: servers that encrypt differently would not be comparable.
 */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/time.h>

#define CIPHER "TLS_AES_256_GCM_SHA384"

static const char *ca_file;    /* of --ca */
static SSL_CTX *tls_context;

static const char *tls_reason(void) {
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    return reason ? reason : errno ? strerror(errno) : "the connection was closed";
}

static void tls_begin(void) {
    if (tls_context) return;
    if (!ca_file) die("--ca is needed: the file of the CA that has signed the server's certificate");
    tls_context = SSL_CTX_new(TLS_client_method());
    if (SSL_CTX_load_verify_locations(tls_context, ca_file, NULL) != 1) die("%s: %s", ca_file, tls_reason());
    SSL_CTX_set_verify(tls_context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_min_proto_version(tls_context, TLS1_3_VERSION);
    SSL_CTX_set_read_ahead(tls_context, 1);
    SSL_CTX_set_session_cache_mode(tls_context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

/* Why a handshake failed. */
static const char *tls_fault(SSL *tls) {
    long verdict = SSL_get_verify_result(tls);
    return verdict != X509_V_OK ? X509_verify_cert_error_string(verdict) : tls_reason();
}

/* Makes the client's end on a socket; nothing is sent yet. */
static SSL *tls_made(int fd) {
    SSL *tls;
    tls_begin();
    tls = SSL_new(tls_context);
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), "127.0.0.1");
    SSL_set_fd(tls, fd);
    SSL_set_connect_state(tls);
    return tls;
}

/* What stands here after the handshake; fatal if it is not what every server must agree on. */
static void tls_agreed(SSL *tls, int index) {
    int group = SSL_get_negotiated_group(tls);
    if (strcmp(SSL_get_cipher_name(tls), CIPHER)) die("connection %d: the cipher is %s and not " CIPHER, index, SSL_get_cipher_name(tls));
    if (group != NID_X25519) die("connection %d: the group is %s and not X25519", index, SSL_group_to_name(tls, group));
    if (SSL_session_reused(tls)) die("connection %d: a session was resumed", index);
}

/* The whole handshake on a socket that blocks. */
static SSL *tls_opened(int fd, int index, double seconds) {
    struct timeval limit = {.tv_sec = (time_t)seconds, .tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6)};
    SSL *tls = tls_made(fd);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    errno = 0;
    ERR_clear_error();
    if (SSL_do_handshake(tls) != 1) die("connection %d: the TLS handshake failed: %s", index, tls_fault(tls));
    tls_agreed(tls, index);
    return tls;
}

/* As recv: fills the room as far as there is something; 0 if the peer has ended, -1 with EAGAIN if nothing is there yet. */
static ssize_t tls_recv(SSL *tls, int index, void *to, size_t room) {
    size_t filled = 0;
    while (filled < room) {
        int n, error;
        ERR_clear_error();
        n = SSL_read(tls, (char *)to + filled, (int)(room - filled));
        if (n > 0) {
            filled += (size_t)n;
            continue;
        }
        error = SSL_get_error(tls, n);
        /* The kernel does not know that close_notify lies behind these bytes: so that epoll tells of the end, too. */
        if (filled && error == SSL_ERROR_ZERO_RETURN) shutdown(SSL_get_fd(tls), SHUT_RD);
        if (filled) return (ssize_t)filled;
        if (error == SSL_ERROR_ZERO_RETURN) return 0;
        if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
            errno = EAGAIN;
            return -1;
        }
        die("connection %d: TLS: %s", index, tls_reason());
    }
    return (ssize_t)filled;
}

/* As send. */
static ssize_t tls_send(SSL *tls, int index, const void *bytes, size_t size) {
    int n, error;
    ERR_clear_error();
    n = SSL_write(tls, bytes, (int)size);
    if (n > 0) return n;
    error = SSL_get_error(tls, n);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) die("connection %d: TLS: %s", index, tls_reason());
    errno = EAGAIN;
    return -1;
}
