/* Echo server of TLS in C: echo.c over tls_server.h, the floor beside which the others are measured. It needs OpenSSL.
 *
 * Rule: nothing of its own.   tls_echo_server KEY CERTIFICATE    prints "PORT n"; serves until it is killed.
 */
#include "tls_server.h"

#define recv(fd, to, room, flags) tls_recv(fd, to, room)
#define send(fd, bytes, size, flags) tls_send(fd, bytes, size)
#define close tls_close
#define accept4(listener, address, length, flags) tls_accept(listener)
#define main serve
#include "echo.c"
#undef main

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    tls_begin(argv[1], argv[2]);
    return serve();
}
