#include "server/pages.h"

#include "http/http1.h"
#include "io/stream.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 64
#define TIMEOUT (10 * CLOCK_S)
#define HEAD_MAX 512

struct pages {
    struct loop *loop;
    struct pages_options options;
    struct listener listener;
    struct pages_conn *conn;
    unsigned n;
    char address[ENDPOINT_TEXT_MAX];
};

struct pages_conn {
    struct stream stream;
    struct pages *pages;
    struct pages_conn *next;
    struct http1_parser parser;
    size_t len;
    bool answered;
    bool pushing; /* the answer */
    bool ended;   /* the client has said its last */
    bool closed;
    char *answer; /* owned */
    char input[STREAM_HEADROOM];
};

static struct pages_conn *conn_of(struct stream *s)
{
    return (struct pages_conn *)(void *)s;
}

static void close_conn(struct stream *s)
{
    struct pages_conn *c = conn_of(s);
    if (!c->closed)
        c->pages->n--;
    c->closed = true;
    stream_close(s);
}

static void finish(struct pages_conn *c)
{
    stream_finish(&c->stream);
    stream_deadline(&c->stream, c->stream.loop->now + CLOCK_S);
}

/* Takes ownership of body, len bytes. */
static void answer(struct pages_conn *c, const char *status, char *body, size_t len, bool head)
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

static void answer_text(struct pages_conn *c, const char *status, const char *text, bool head)
{
    answer(c, status, strdup(text), strlen(text), head);
}

static void respond(struct pages_conn *c, const struct http_request *r)
{
    const struct pages_options *o = &c->pages->options;
    bool head = r->method == DECIDE_HEAD;
    struct str path = str_make(r->target.data, str_find(r->target, '?'));
    struct pages_answer page = {.status = "404 Not Found"};
    if (r->method == DECIDE_OTHER) {
        answer_text(c, "405 Method Not Allowed\r\nAllow: GET, HEAD", "GET or HEAD\n", head);
        return;
    }
    if (o->answer(o->owner, path, &page))
        answer(c, page.status, page.body, page.len, head);
    else
        answer_text(c, page.status, o->known, head);
}

static void received(struct stream *s, char *data, size_t len)
{
    struct pages_conn *c = conn_of(s);
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
    struct pages_conn *c = conn_of(s);
    c->pushing = false;
    if (c->ended)
        close_conn(s);
    else
        finish(c);
}

/* A client may close its half when it has asked: it gets its answer. */
static void ended(struct stream *s)
{
    struct pages_conn *c = conn_of(s);
    c->ended = true;
    if (!c->pushing)
        close_conn(s);
}

static void gone(struct stream *s)
{
    struct pages_conn *c = conn_of(s);
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it misses that the list's head has moved on */
    struct pages_conn **link = &c->pages->conn;
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
static void close_oldest(struct pages *a)
{
    struct pages_conn *oldest = NULL;
    for (struct pages_conn *c = a->conn; c != NULL; c = c->next)
        if (!c->closed)
            oldest = c;
    if (oldest != NULL)
        close_conn(&oldest->stream);
}

static void accepted(struct listener *l, struct listener_socket socket, const struct addr *peer)
{
    struct pages *a = l->owner;
    (void)peer;
    if (a->n >= CONNECTIONS)
        close_oldest(a);
    struct pages_conn *c = calloc(1, sizeof(*c));
    if (c == NULL) {
        listener_drop(socket);
        return;
    }
    if (stream_open(&c->stream, l->loop, socket, &events) != 0) {
        free(c);
        return;
    }
    c->pages = a;
    c->next = a->conn;
    a->conn = c;
    a->n++;
    stream_deadline(&c->stream, l->loop->now + TIMEOUT);
}

static void shed(struct listener *l)
{
    (void)l;
}

/* 0 or an errno. */
static int listen_on(struct pages *a, struct endpoint *address)
{
    int error = listener_probe(address);
    if (error == 0)
        error = listener_open(&a->listener, address);
    if (error != 0)
        return error;
    endpoint_format(address, a->address);
    a->listener.loop = a->loop;
    a->listener.owner = a;
    a->listener.accepted = accepted;
    a->listener.shed = shed;
    return listener_start(&a->listener);
}

struct pages *pages_open(struct loop *loop, const char *address, const struct pages_options *o,
                         const char **why)
{
    struct endpoint endpoint;
    struct pages *a = calloc(1, sizeof(*a));
    *why = "out of memory";
    if (a == NULL)
        return NULL;
    a->loop = loop;
    a->options = *o;
    a->listener.source.fd = a->listener.spare = -1;
    *why = "expected ADDRESS:PORT, like 127.0.0.1:9090";
    if (endpoint_parse(str_from(address), &endpoint)) {
        int error = listen_on(a, &endpoint);
        if (error == 0)
            return a;
        *why = listener_reason(error);
    }
    pages_close(a);
    return NULL;
}

const char *pages_address(const struct pages *p)
{
    return p->address;
}

void pages_close(struct pages *p)
{
    if (p == NULL)
        return;
    listener_close(&p->listener);
    for (struct pages_conn *c = p->conn; c != NULL; c = c->next)
        close_conn(&c->stream);
    if (p->conn != NULL) /* releases them: until then the loop's list leads through them */
        loop_run_deferred(p->loop);
    free(p);
}
