/* Load for the https servers: http_load.c over TLS, with --ca FILE for the CA of their certificate. It needs OpenSSL.
 *
 * Rule: nothing of its own: what TLS adds is load_tls.h.
 */
#define SECURE 1
#include "http_load.c"
