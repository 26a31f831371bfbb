#include "server/admin.h"

#include "server/metrics.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 64
#define TIMEOUT (10 * CLOCK_S)
#define HEAD_MAX 512

struct admin {
    struct control *control;
    struct listener listener;
    struct admin_conn *conn;
    unsigned n;
    char address[ENDPOINT_TEXT_MAX];
};

struct admin_conn {
    struct stream stream;
    struct admin *admin;
    struct admin_conn *next;
    struct http1_parser parser;
    size_t len;
    bool answered;
    bool pushing; /* the answer */
    bool ended;   /* the client has said its last */
    bool closed;
    char *answer; /* owned */
    char input[STREAM_HEADROOM];
};

static struct admin_conn *conn_of(struct stream *s)
{
    return (struct admin_conn *)(void *)s;
}

static void close_conn(struct stream *s)
{
    struct admin_conn *c = conn_of(s);
    if (!c->closed)
        c->admin->n--;
    c->closed = true;
    stream_close(s);
}

static void finish(struct admin_conn *c)
{
    stream_finish(&c->stream);
    stream_deadline(&c->stream, c->stream.loop->now + CLOCK_S);
}

/* Takes ownership of body, len bytes. */
static void answer(struct admin_conn *c, const char *status, char *body, size_t len, bool head)
{
    c->answered = true;
    c->answer = malloc(HEAD_MAX + len);
    if (c->answer == NULL || body == NULL) {
        free(body);
        close_conn(&c->stream);
        return;
    }
    int n = snprintf(c->answer, HEAD_MAX,
                     "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                     status, len);
    size_t size = (size_t)n;
    if (!head) {
        memcpy(c->answer + size, body, len);
        size += len;
    }
    free(body);
    switch (stream_push(&c->stream, c->answer, size)) {
    case STREAM_SENT:
        finish(c);
        return;
    case STREAM_LATER:
        c->pushing = true;
        return;
    case STREAM_BROKEN:
        close_conn(&c->stream);
        return;
    }
}

static void answer_text(struct admin_conn *c, const char *status, const char *text, bool head)
{
    answer(c, status, strdup(text), strlen(text), head);
}

static void respond(struct admin_conn *c, const struct http_request *r)
{
    struct control *control = c->admin->control;
    bool head = r->method == DECIDE_HEAD;
    struct str path = str_make(r->target.data, str_find(r->target, '?'));
    if (r->method == DECIDE_OTHER) {
        answer_text(c, "405 Method Not Allowed\r\nAllow: GET, HEAD", "GET or HEAD\n", head);
    } else if (str_eq(path, STR("/metrics"))) {
        size_t len;
        char *text = metrics_text(control, &len);
        answer(c, "200 OK", text, len, head);
    } else if (str_eq(path, STR("/healthz"))) {
        answer_text(c, "200 OK", "ok\n", head);
    } else if (str_eq(path, STR("/readyz"))) {
        answer_text(c, control->draining ? "503 Service Unavailable" : "200 OK",
                    control->draining ? "draining\n" : "ok\n", head);
    } else {
        answer_text(c, "404 Not Found", "/metrics, /healthz or /readyz\n", head);
    }
}

static void received(struct stream *s, char *data, size_t len)
{
    struct admin_conn *c = conn_of(s);
    struct http_request request;
    if (c->answered)
        return;
    if (len > sizeof(c->input) - c->len) {
        close_conn(s);
        return;
    }
    memcpy(c->input + c->len, data, len);
    c->len += len;
    switch (http1_parse(&c->parser, c->input, c->len, &request)) {
    case HTTP1_MORE:
        return;
    case HTTP1_DONE:
        respond(c, &request);
        return;
    case HTTP1_ERROR:
        answer_text(c, "400 Bad Request", "not understood\n", false);
        return;
    case HTTP1_CLOSE:
        close_conn(s);
        return;
    }
}

static void sent(struct stream *s)
{
    struct admin_conn *c = conn_of(s);
    c->pushing = false;
    if (c->ended)
        close_conn(s);
    else
        finish(c);
}

/* A client may close its half when it has asked: it gets its answer. */
static void ended(struct stream *s)
{
    struct admin_conn *c = conn_of(s);
    c->ended = true;
    if (!c->pushing)
        close_conn(s);
}

static void gone(struct stream *s)
{
    struct admin_conn *c = conn_of(s);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it misses that the list's head has moved on */
    struct admin_conn **link = &c->admin->conn;
    while (*link != c)
        link = &(*link)->next;
    *link = c->next;
    free(c->answer);
    free(c);
}

static const struct stream_events events = {
    .received = received,
    .ended = ended,
    .sent = sent,
    .broken = close_conn,
    .expired = close_conn,
    .gone = gone,
};

/* Lest those that only wait keep out a health check. */
static void close_oldest(struct admin *a)
{
    struct admin_conn *oldest = NULL;
    for (struct admin_conn *c = a->conn; c != NULL; c = c->next)
        if (!c->closed)
            oldest = c;
    if (oldest != NULL)
        close_conn(&oldest->stream);
}

static void accepted(struct listener *l, struct listener_socket socket, const struct addr *peer)
{
    struct admin *a = l->owner;
    (void)peer;
    if (a->n >= CONNECTIONS)
        close_oldest(a);
    struct admin_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        listener_drop(socket);
        return;
    }
    if (stream_open(&c->stream, l->loop, socket, &events) != 0) {
        free(c);
        return;
    }
    c->admin = a;
    c->next = a->conn;
    a->conn = c;
    a->n++;
    stream_deadline(&c->stream, l->loop->now + TIMEOUT);
}

static void shed(struct listener *l)
{
    (void)l;
}

static int listen_on(struct admin *a, struct endpoint *address)
{
    int error = listener_probe(address);
    if (error == 0)
        error = listener_open(&a->listener, address);
    if (error != 0)
        return error;
    endpoint_format(address, a->address);
    a->listener.loop = &a->control->loop;
    a->listener.owner = a;
    a->listener.accepted = accepted;
    a->listener.shed = shed;
    return listener_start(&a->listener);
}

bool admin_open(struct control *s, const struct config_server *config)
{
    struct endpoint address;
    if (config->admin[0] == '\0')
        return true;
    const char *why = "expected ADDRESS:PORT, like 127.0.0.1:9090";
    struct admin *a = calloc(1, sizeof(*a));
    if (a == NULL) {
        log_error("cannot start: out of memory");
        return false;
    }
    a->control = s;
    a->listener.source.fd = a->listener.spare = -1;
    if (endpoint_parse(str_from(config->admin), &address)) {
        int error = listen_on(a, &address);
        if (error == 0) {
            s->admin = a;
            return true;
        }
        why = listener_reason(error);
    }
    admin_close(a);
    if (config->admin_is_default) {
        log_warning("server.admin: cannot listen on \"%s\": %s; going on without metrics",
                    config->admin, why);
        return true;
    }
    log_error("server.admin: cannot listen on \"%s\": %s", config->admin, why);
    return false;
}

const char *admin_address(const struct admin *a)
{
    return a != NULL ? a->address : NULL;
}

void admin_close(struct admin *a)
{
    if (a == NULL)
        return;
    listener_close(&a->listener);
    struct loop *loop = a->conn != NULL ? a->conn->stream.loop : NULL;
    for (struct admin_conn *c = a->conn; c != NULL; c = c->next)
        close_conn(&c->stream);
    if (loop != NULL)
        loop_run_deferred(loop); /* releases them: until then the loop's list leads through them */
    free(a);
}
