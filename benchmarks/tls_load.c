/* Load for the echo servers of TLS: client.c over TLS, with --ca FILE for the CA of their certificate. It needs OpenSSL.
 *
 * Rule: nothing of its own: what TLS adds is load_tls.h.
 */
#define SECURE 1
#include "client.c"
