#include "io/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
/* At once: other connections wait meanwhile. Each may bring a handshake of TLS, up to a millisecond
 * of work, so that a flood of them waits in the kernel's queue and not in front of requests. */
#define ACCEPT_MAX 4
/* Bytes of answers that wait in the kernel until a client takes them. Left to itself it takes
 * megabytes, for as long as the connection lasts: as far as the server can see, all is sent. */
#define UNSENT_MAX 65536

union socket_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t to_socket_address(const struct endpoint *from, union socket_address *to)
{
    *to = (union socket_address){0};
    if (from->addr.family == ADDR_V6) {
        to->v6.sin6_family = AF_INET6;
        to->v6.sin6_port = htons(from->port);
        memcpy(&to->v6.sin6_addr, from->addr.bytes, 16);
        return sizeof(to->v6);
    }
    to->v4.sin_family = AF_INET;
    to->v4.sin_port = htons(from->port);
    memcpy(&to->v4.sin_addr, from->addr.bytes, 4);
    return sizeof(to->v4);
}

static struct addr from_socket_address(const union socket_address *from)
{
    if (from->any.sa_family == AF_INET6)
        return addr_from_v6(from->v6.sin6_addr.s6_addr);
    uint8_t bytes[4];
    memcpy(bytes, &from->v4.sin_addr, sizeof(bytes));
    return addr_from_v4(bytes);
}

/* A bound socket, or -1 and errno. */
static int bind_to(const struct endpoint *address, bool shared)
{
    union socket_address to;
    socklen_t size = to_socket_address(address, &to);
    const int on = 1, off = 0, unsent = UNSENT_MAX;
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted sockets inherit it, */
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &unsent, sizeof(unsent)); /* and this */
    if (to.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    if (shared)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, &to.any, size) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static bool is_any_v6(const struct addr *a)
{
    static const struct addr any = {.family = ADDR_V6};
    return addr_eq(a, &any);
}

/* bind_to(), with IPv4 in the place of "[::]" where there is no IPv6. */
static int bind_any(struct endpoint *address, bool shared)
{
    int fd = bind_to(address, shared);
    if (fd >= 0 || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL) || !is_any_v6(&address->addr))
        return fd;
    address->addr = (struct addr){.family = ADDR_V4};
    return bind_to(address, shared);
}

int listener_probe(const struct endpoint *address)
{
    struct endpoint copy = *address;
    int fd = bind_any(&copy, false);
    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

int listener_open(struct listener *l, struct endpoint *address)
{
    *l = (struct listener){.source = {.fd = -1}, .spare = -1};
    int fd = bind_any(address, true);
    if (fd < 0)
        return errno;
    union socket_address bound;
    socklen_t size = sizeof(bound);
    if (listen(fd, BACKLOG) != 0 || getsockname(fd, &bound.any, &size) != 0) {
        int error = errno;
        close(fd);
        return error;
    }
    address->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.v6.sin6_port : bound.v4.sin_port);
    l->source.fd = fd;
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return 0;
}

/* Where descriptors have run out: gives up the spare one to accept a connection and close it, so
 * that its client knows, and the queue does not stand still. False: nothing was shed; another
 * thread may have taken the spare one. */
static bool shed(struct listener *l)
{
    if (l->spare >= 0)
        close(l->spare);
    int fd = accept4(l->source.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        close(fd);
        l->shed(l);
    }
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return fd >= 0;
}

bool listener_accept(struct listener *l)
{
    bool any = false;
    for (int i = 0; i < ACCEPT_MAX && l->source.fd >= 0; i++) {
        union socket_address from;
        socklen_t size = sizeof(from);
        int fd = accept4(l->source.fd, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
            if (shed(l))
                continue;
            loop_rest(l->loop, &l->source);
            return any;
        }
        if (fd < 0 && (errno == EAGAIN || errno == EBADF || errno == EINVAL))
            return any;
        if (fd < 0) /* one that was gone before it was accepted */
            continue;
        struct addr peer = from_socket_address(&from);
        l->accepted(l, (struct listener_socket){fd}, &peer);
        any = true;
    }
    return any;
}

static void ready(struct loop_source *source, uint32_t events)
{
    (void)events;
    listener_accept((struct listener *)(void *)source);
}

int listener_start(struct listener *l)
{
    l->source.ready = ready;
    return loop_watch(l->loop, &l->source, EPOLLIN);
}

void listener_refuse(struct listener *l)
{
    /* The filter sees the packet from its TCP header on; byte 13 is the flags. */
    static struct sock_filter drop_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 13),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x02, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    struct sock_fprog program = {sizeof(drop_syn) / sizeof(drop_syn[0]), drop_syn};
    if (setsockopt(l->source.fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0)
        return;
    /* Not every kernel lets every user do that. Without privileges a listener can move to an
     * interface that there is none of: who comes now is refused, and who had begun is let in. */
    int nowhere = INT_MAX;
    setsockopt(l->source.fd, SOL_SOCKET, SO_BINDTOIFINDEX, &nowhere, sizeof(nowhere));
}

void listener_close(struct listener *l)
{
    if (l->source.fd >= 0)
        close(l->source.fd);
    if (l->spare >= 0)
        close(l->spare);
    l->source.fd = l->spare = -1;
}

void listener_drop(struct listener_socket socket)
{
    close(socket.fd);
}

const char *listener_reason(int error)
{
    switch (error) {
    case EADDRINUSE:
        return "something listens there already: another program, or another address of the same "
               "configuration (\"[::]\" takes IPv4 as well); choose another port";
    case EACCES:
        return "not permitted; a port below 1024 needs root or CAP_NET_BIND_SERVICE";
    case EADDRNOTAVAIL:
        return "this machine has no such address";
    case EAFNOSUPPORT:
        return "this machine has no such address family";
    default:
        return strerror(error);
    }
}
