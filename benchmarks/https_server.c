/* Server of https in C: http_server.c over tls_server.h, the floor beside which the others are measured. It needs OpenSSL.
 *
 * Rule: nothing of its own.   https_server KEY CERTIFICATE [KIND]    prints "PORT n"; serves until it is killed.
 */
#include "tls_server.h"

#define recv(fd, to, room, flags) tls_recv(fd, to, room)
#define send(fd, bytes, size, flags) tls_send(fd, bytes, size)
#define close tls_close
#define accept4(listener, address, length, flags) tls_accept(listener)
#define main serve
#include "http_server.c"
#undef main

int main(int argc, char **argv) {
    if (argc < 3) return 2;
    tls_begin(argv[1], argv[2]);
    argv[2] = argv[0];
    return serve(argc - 2, argv + 2);
}
