/* UDP echo server in C by epoll: the ceiling the others are measured against.
 *
 * Rule: as little as an echo server on an event loop can do: receive until there is nothing more, send each one back.
 *
 *   udp_echo    prints "PORT n" when it is bound on 127.0.0.1; serves until it is killed.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static unsigned char buffer[1 << 16];

int main(void) {
    struct sockaddr_in here = {.sin_family = AF_INET}, peer;
    struct epoll_event event = {.events = EPOLLIN};
    socklen_t length = sizeof here;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, (void *)&here, sizeof here) < 0 || getsockname(fd, (void *)&here, &length) < 0 ||
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        perror("udp_echo");
        return 1;
    }
    printf("PORT %d\n", ntohs(here.sin_port));
    fflush(stdout);
    for (;;) {
        epoll_wait(epoll_fd, &event, 1, -1);
        for (;;) {
            length = sizeof peer;
            ssize_t n = recvfrom(fd, buffer, sizeof buffer, 0, (void *)&peer, &length);
            if (n < 0) break;
            sendto(fd, buffer, (size_t)n, 0, (void *)&peer, length); /* what finds no room is lost, as UDP may */
        }
    }
}
