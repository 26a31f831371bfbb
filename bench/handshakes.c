/*
 * Shakes hands over TLS 1.3 with a server on this machine, on several connections at once, and
 * prints how many handshakes were done. Each is whole: the client has checked the server's
 * signature, and has received a ticket. Usage: bench-handshakes PORT SECONDS full|resumed
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 16

struct client {
    SSL *ssl;
    int fd;
    bool ticket; /* one has come */
};

static struct {
    SSL_CTX *ctx;
    int epoll;
    uint16_t port;
    bool resume;
    SSL_SESSION *session; /* the newest, if sessions are to be resumed */
    unsigned long done;
} run;

static void fail(const char *what)
{
    fprintf(stderr, "bench-handshakes: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* OpenSSL calls it for each ticket. */
static int ticket_came(SSL *ssl, SSL_SESSION *session)
{
    struct client *c = SSL_get_app_data(ssl);
    c->ticket = true;
    if (!run.resume)
        return 0;
    SSL_SESSION_free(run.session);
    run.session = session;
    return 1;
}

static void begin(struct client *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(run.port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->ticket = false;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    c->ssl = SSL_new(run.ctx);
    if (c->fd < 0 || c->ssl == NULL)
        fail("no socket, or no memory");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
        fail(strerror(errno));
    SSL_set_app_data(c->ssl, c);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    if (run.session != NULL && SSL_set_session(c->ssl, run.session) != 1)
        fail("a session cannot be used");
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    if (epoll_ctl(run.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0)
        fail(strerror(errno));
}

static void end(struct client *c)
{
    SSL_shutdown(c->ssl);
    SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* its session is good */
    SSL_free(c->ssl);
    close(c->fd);
}

/* The tickets come behind the handshake: to read them is to read application data, of which there
 * is none. */
static void go_on(struct client *c)
{
    char none;
    bool resuming = run.session != NULL;
    int n = SSL_read(c->ssl, &none, 1);
    if (n > 0 || SSL_get_error(c->ssl, n) != SSL_ERROR_WANT_READ)
        fail("a handshake failed");
    if (!c->ticket)
        return;
    if (SSL_version(c->ssl) != TLS1_3_VERSION)
        fail("the server does not speak TLS 1.3");
    if (run.resume && resuming && !SSL_session_reused(c->ssl))
        fail("a session was not resumed");
    run.done++;
    end(c);
    begin(c);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void turn(void)
{
    struct epoll_event event[CONNECTIONS];
    int n = epoll_wait(run.epoll, event, CONNECTIONS, 1000);
    if (n <= 0)
        fail("the server does not answer");
    for (int i = 0; i < n; i++) {
        struct client *c = event[i].data.ptr;
        if (event[i].events & EPOLLERR)
            fail("a connection broke");
        go_on(c);
    }
}

/* Both tickets of a server that sends two are read at once: what stays unread would turn the close
 * into a reset. */
static void prepare(void)
{
    static const unsigned char http1[] = "\x08http/1.1";
    static char group[] = "X25519";
    run.ctx = SSL_CTX_new(TLS_client_method());
    run.epoll = epoll_create1(0);
    if (run.ctx == NULL || run.epoll < 0)
        fail("no memory");
    SSL_CTX_set_min_proto_version(run.ctx, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(run.ctx, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(run.ctx, group);
    SSL_CTX_set_alpn_protos(run.ctx, http1, sizeof(http1) - 1);
    SSL_CTX_set_read_ahead(run.ctx, 1);
    SSL_CTX_set_session_cache_mode(run.ctx,
                                   SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
    SSL_CTX_sess_set_new_cb(run.ctx, ticket_came);
}

int main(int argc, char **argv)
{
    static struct client client[CONNECTIONS];
    if (argc != 4)
        fail("usage: bench-handshakes PORT SECONDS full|resumed");
    run.port = (uint16_t)atoi(argv[1]);
    run.resume = strcmp(argv[3], "resumed") == 0;
    prepare();
    begin(&client[0]);
    while (run.resume && run.session == NULL) /* the first one has nothing to resume */
        turn();
    run.done = 0;
    double until = now() + atof(argv[2]);
    for (size_t i = 1; i < CONNECTIONS; i++)
        begin(&client[i]);
    while (now() < until)
        turn();
    printf("%lu handshakes\n", run.done);
    return 0;
}
