/*
 * A stand-in HTTP server in the test's own process, for what a real one cannot be made to do at the
 * right moment: a thread per connection, keep-alive, every answer made by the test.
 */
#ifndef TESTS_UNIT_HTTPD_H
#define TESTS_UNIT_HTTPD_H

#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define HTTPD_CONNECTIONS 4096

enum httpd_action {
    HTTPD_SEND,  /* what is in answer */
    HTTPD_HANG,  /* nothing, and the connection stays */
    HTTPD_CLOSE, /* answer, then the connection is closed */
    HTTPD_RESET, /* RST */
};

struct httpd_request {
    char method[16];
    char path[2048];
    char head[4096]; /* all of it */
    char *body;      /* of body_len bytes, and a terminator; never NULL */
    size_t body_len;
    char *answer; /* to be filled: at most answer_size bytes */
    size_t answer_size;
    size_t answer_len; /* 0: it is text */
};

struct httpd {
    int fd;
    int port;
    char url[64]; /* "http://127.0.0.1:1234" */
    enum httpd_action (*handle)(struct httpd *server, struct httpd_request *request);
    void *context;
    atomic_int requests;
    atomic_bool stopping;
    pthread_t thread;
    pthread_mutex_t lock;
    atomic_int n; /* of connections */
    struct httpd_connection {
        struct httpd *server;
        pthread_t thread;
        int fd;
    } connection[HTTPD_CONNECTIONS];
};

/* "HTTP/1.1 STATUS x", no body. */
static inline enum httpd_action httpd_status(struct httpd_request *r, int status)
{
    snprintf(r->answer, r->answer_size, "HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n", status);
    return HTTPD_SEND;
}

static inline enum httpd_action httpd_redirect(struct httpd_request *r, const char *to)
{
    snprintf(r->answer, r->answer_size,
             "HTTP/1.1 307 x\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", to);
    return HTTPD_SEND;
}

/* The head, and *extra bytes behind it, which are the body's. */
static inline bool httpd_receive_head(int fd, struct httpd_request *r, char *extra, size_t *n_extra)
{
    size_t len = 0;
    while (len + 1 < sizeof(r->head)) {
        ssize_t n = recv(fd, r->head + len, sizeof(r->head) - 1 - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
        r->head[len] = '\0';
        char *end = strstr(r->head, "\r\n\r\n");
        if (end == NULL)
            continue;
        *n_extra = len - (size_t)(end + 4 - r->head);
        memcpy(extra, end + 4, *n_extra);
        end[4] = '\0';
        return sscanf(r->head, "%15s %2047s", r->method, r->path) == 2;
    }
    return false;
}

/* The value of a field, "" if there is none; valid until the next call. */
static inline const char *httpd_field(const struct httpd_request *r, const char *name)
{
    static _Thread_local char value[4096];
    size_t n = strlen(name);
    value[0] = '\0';
    for (const char *line = strstr(r->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, n) != 0 || line[n] != ':')
            continue;
        line += n + 1 + strspn(line + n + 1, " ");
        snprintf(value, sizeof(value), "%.*s", (int)strcspn(line, "\r"), line);
        break;
    }
    return value;
}

/* Bodies are announced by Content-Length. */
static inline bool httpd_receive(int fd, struct httpd_request *r)
{
    char extra[4096];
    size_t len = 0;
    free(r->body);
    r->body = NULL;
    if (!httpd_receive_head(fd, r, extra, &len))
        return false;
    r->body_len = strtoul(httpd_field(r, "Content-Length"), NULL, 10);
    r->body = malloc(r->body_len + 1);
    if (len > r->body_len)
        len = r->body_len;
    memcpy(r->body, extra, len);
    if (httpd_field(r, "Expect")[0] != '\0' && len == 0)
        send(fd, "HTTP/1.1 100 x\r\n\r\n", 18, MSG_NOSIGNAL);
    while (len < r->body_len) {
        ssize_t n = recv(fd, r->body + len, r->body_len - len, 0);
        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    r->body[len] = '\0';
    return true;
}

static inline bool httpd_answer(struct httpd_connection *c, struct httpd_request *r)
{
    atomic_fetch_add(&c->server->requests, 1);
    r->answer_len = 0;
    enum httpd_action action = c->server->handle(c->server, r);
    if (action == HTTPD_HANG) {
        char byte;
        while (recv(c->fd, &byte, 1, 0) > 0)
            ;
        return false;
    }
    if (action == HTTPD_RESET) {
        struct linger hard = {.l_onoff = 1};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        return false;
    }
    size_t len = r->answer_len > 0 ? r->answer_len : strlen(r->answer);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = send(c->fd, r->answer + sent, len - sent, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        sent += (size_t)n;
    }
    return action == HTTPD_SEND;
}

static inline void *httpd_serve(void *argument)
{
    struct httpd_connection *c = argument;
    struct httpd_request *r = calloc(1, sizeof(*r));
    r->answer_size = 1 << 20;
    r->answer = malloc(r->answer_size);
    while (httpd_receive(c->fd, r) && httpd_answer(c, r))
        ;
    free(r->answer);
    free(r->body);
    free(r);
    pthread_mutex_lock(&c->server->lock);
    close(c->fd);
    c->fd = -1;
    pthread_mutex_unlock(&c->server->lock);
    return NULL;
}

static inline void *httpd_accept(void *argument)
{
    struct httpd *s = argument;
    while (!atomic_load(&s->stopping)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, 50) <= 0)
            continue;
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0)
            continue;
        assert(s->n < HTTPD_CONNECTIONS);
        struct httpd_connection *c = &s->connection[s->n];
        *c = (struct httpd_connection){.server = s, .fd = fd};
        if (pthread_create(&c->thread, NULL, httpd_serve, c) == 0)
            s->n++;
        else
            close(fd);
    }
    return NULL;
}

/* On 127.0.0.1, any free port if port is 0. */
static inline struct httpd *
httpd_start_at(int port, enum httpd_action (*handle)(struct httpd *, struct httpd_request *),
               void *context)
{
    struct httpd *s = calloc(1, sizeof(*s));
    struct sockaddr_in sa = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(sa);
    int one = 1;
    s->handle = handle;
    s->context = context;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(s->fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 || listen(s->fd, 1024) != 0)
        abort();
    getsockname(s->fd, (struct sockaddr *)&sa, &len);
    s->port = ntohs(sa.sin_port);
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d", s->port);
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->thread, NULL, httpd_accept, s) != 0)
        abort();
    return s;
}

static inline struct httpd *
httpd_start(enum httpd_action (*handle)(struct httpd *, struct httpd_request *), void *context)
{
    return httpd_start_at(0, handle, context);
}

/* Ends every connection, too. */
static inline void httpd_stop(struct httpd *s)
{
    atomic_store(&s->stopping, true);
    pthread_join(s->thread, NULL);
    close(s->fd);
    for (int i = 0; i < s->n; i++) {
        pthread_mutex_lock(&s->lock);
        if (s->connection[i].fd >= 0)
            shutdown(s->connection[i].fd, SHUT_RDWR);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->connection[i].thread, NULL);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

#endif
