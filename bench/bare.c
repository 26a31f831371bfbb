/*
 * The yardstick: what one redirect costs on a bare epoll loop that receives, parses nothing, and
 * sends a fixed answer as long as archeio's. Usage: bench-bare PORT ANSWER_BYTES
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 256

static char answer[4096];

static size_t make_answer(size_t size)
{
    static const char head[] = "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://";
    static const char tail[] =
        "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 0\r\n\r\n";
    size_t least = sizeof(head) + sizeof(tail) - 2;
    if (size < least || size > sizeof(answer))
        size = least;
    memset(answer, 'x', size);
    memcpy(answer, head, sizeof(head) - 1);
    memcpy(answer + size - (sizeof(tail) - 1), tail, sizeof(tail) - 1);
    return size;
}

static int listen_on(uint16_t port)
{
    const int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0 || listen(fd, 1024) != 0) {
        perror("bench-bare");
        exit(1);
    }
    return fd;
}

static void watch(int epoll, int fd, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void serve(int fd, size_t size)
{
    static char input[16384];
    ssize_t n = recv(fd, input, sizeof(input), 0);
    if (n > 0)
        n = send(fd, answer, size, MSG_NOSIGNAL);
    if (n == 0 || (n < 0 && errno != EAGAIN))
        close(fd);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench-bare PORT ANSWER_BYTES\n");
        return 2;
    }
    int listener = listen_on((uint16_t)atoi(argv[1]));
    size_t size = make_answer((size_t)atoi(argv[2]));
    int epoll = epoll_create1(0);
    watch(epoll, listener, EPOLLIN);
    for (;;) {
        struct epoll_event event[BATCH];
        int n = epoll_wait(epoll, event, BATCH, -1);
        for (int i = 0; i < n; i++) {
            if (event[i].data.fd != listener) {
                serve(event[i].data.fd, size);
                continue;
            }
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
            if (fd >= 0)
                watch(epoll, fd, EPOLLIN | EPOLLRDHUP | EPOLLET);
        }
    }
}
