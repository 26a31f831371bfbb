#include "flight.h"

#define CHAINS 256 /* of flights; a power of two */
#define CHAIN_MASK (CHAINS - 1)

enum kind {
    ASKED, /* by a client; the only ones that others join */
    CHECK, /* is the store alive? */
    AGAIN, /* after a check that failed */
};

struct flight {
    struct flight *next; /* in its chain */
    ngx_queue_t waiters;
    ngx_http_request_t *owner;
    struct flight_question question;
    ngx_str_t url;
    enum kind kind;
    bool landed;
};

static struct flight *chain[CHAINS]; /* of this worker */

static bool launch(ngx_http_request_t *r, const struct flight_question *q, enum kind kind,
                   struct flight **out);

/* ── Which are on their way ── */

static struct flight **chain_of(const struct key *key)
{
    return &chain[key->hash & CHAIN_MASK];
}

static struct flight *find(const struct key *key)
{
    struct flight *f = *chain_of(key);
    while (f != NULL && !key_eq(&f->question.key, key))
        f = f->next;
    return f;
}

static void add(struct flight *f)
{
    f->question.objects->flights++;
    if (f->kind != ASKED)
        return;
    struct flight **first = chain_of(&f->question.key);
    f->next = *first;
    *first = f;
}

static void take_out(struct flight *f)
{
    f->landed = true;
    f->question.objects->flights--;
    if (f->kind != ASKED)
        return;
    struct flight **at = chain_of(&f->question.key);
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
}

/* ── Waiting ── */

static void join(struct flight *f, struct flight_waiter *w)
{
    w->flight = f;
    w->state = EXIST_MISS;
    ngx_queue_insert_tail(&f->waiters, &w->link);
}

/* The braces are needed: what looks like a call is several statements. */
void flight_leave(struct flight_waiter *w)
{
    if (w->flight != NULL) {
        ngx_queue_remove(&w->link);
    }
    w->flight = NULL;
    if (w->event.timer_set) {
        ngx_del_timer(&w->event);
    }
    if (w->event.posted) {
        ngx_delete_posted_event(&w->event);
    }
}

/* By events: each goes on in a turn of its own, not inside the subrequest that has just ended. */
static void wake(struct flight *f, enum exist_state state)
{
    while (!ngx_queue_empty(&f->waiters)) {
        struct flight_waiter *w =
            ngx_queue_data(ngx_queue_head(&f->waiters), struct flight_waiter, link);
        flight_leave(w);
        w->state = state;
        ngx_post_event(&w->event, &ngx_posted_events);
    }
}

/* ── The end of a HEAD ── */

/* Whether it says something about the store: nginx gives 502 or 504 where that failed, and 0 where
 * it said something that is no HTTP. */
static bool is_of_store(const ngx_http_request_t *sr, ngx_int_t rc)
{
    return sr->upstream != NULL && (sr->upstream->headers_in.status_n != 0 || rc == NGX_OK ||
                                    rc == NGX_HTTP_BAD_GATEWAY || rc == NGX_HTTP_GATEWAY_TIME_OUT);
}

/* Whoever asked has gone: nginx looks at that first where the store failed, and may have waited no
 * longer for the store either, so nobody knows. */
static bool is_clients(const ngx_http_request_t *sr, ngx_int_t rc)
{
    return sr->upstream != NULL && rc == NGX_HTTP_CLIENT_CLOSED_REQUEST;
}

/* 0: it gave none. */
static ngx_uint_t status_of(const ngx_http_request_t *sr)
{
    return sr->upstream != NULL ? sr->upstream->headers_in.status_n : 0;
}

/* Whether the store finds fault with what it was asked for, not with who asks, or how often. */
static bool is_refused(ngx_uint_t status)
{
    return status >= 400 && status < 500 && status != 401 && status != 407 && status != 408 &&
           status != 421 && status != 425 && status != 429;
}

/* 200 is present; 404 and 403 are absent (S3 says 403 for a missing key where the caller may not
 * list), and so is a path that the store refuses; anything else is an error. */
static enum exist_state judge(const struct flight *f, const ngx_http_request_t *sr)
{
    ngx_uint_t status = status_of(sr);
    if (status == NGX_HTTP_OK)
        return EXIST_PRESENT;
    if (status == NGX_HTTP_NOT_FOUND || status == NGX_HTTP_FORBIDDEN ||
        (f->question.by_path && is_refused(status)))
        return EXIST_ABSENT;
    return EXIST_ERROR;
}

static int64_t expiry_of(const struct flight *f, enum exist_state state)
{
    const struct conf_main *conf = f->question.conf;
    if (state == EXIST_PRESENT)
        return shared_now() + conf->present_ttl;
    if (state == EXIST_ABSENT)
        return shared_now() + conf->absent_ttl;
    return f->kind == ASKED ? shared_now() + conf->error_ttl : 0;
}

static void say(const struct flight *f, enum shared_change change)
{
    const struct str *store = &f->question.url;
    ngx_log_t *log = f->owner->connection->log;
    if (change == SHARED_WENT_DOWN) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "archeio: store %*s is down (%d errors in a row): clients go elsewhere until "
                      "it answers",
                      store->len, store->data, SHARED_DOWN_AFTER);
    } else if (change == SHARED_CAME_UP) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0, "archeio: store %*s is up again", store->len,
                      store->data);
    } else if (change == SHARED_FORGOT) {
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "archeio: \"%V\" is no longer there: asking the store anew for everything",
                      &f->url);
    }
}

static void learn(struct flight *f, enum exist_state state)
{
    const struct flight_question *q = &f->question;
    struct flight *other;
    if (q->by_path && f->kind == ASKED && state == EXIST_PRESENT)
        shared_prove(q->conf->shared, q->objects->known, q->object);
    say(f, shared_note(q->conf->shared, q->objects->known, &q->key, state, expiry_of(f, state)));
    if (f->kind != CHECK || state != EXIST_ERROR)
        return;
    for (unsigned n = shared_chances(q->objects->known); n > 0; n--)
        launch(f->owner, q, AGAIN, &other);
}

/* An answer of no use to a path that a client made up: some make those that a store answers with
 * anything, and that says of the store no more than that it answers. Where clients were sent for
 * paths, checks ask for those. */
static bool is_odd(const struct flight *f, const ngx_http_request_t *sr, enum exist_state state)
{
    return f->question.by_path && state == EXIST_ERROR && status_of(sr) != 0 &&
           (f->kind == ASKED || !shared_is_proven(f->question.objects->known));
}

static void learn_odd(const struct flight *f)
{
    const struct flight_question *q = &f->question;
    say(f, shared_note_odd(q->conf->shared, q->objects->known, &q->key, expiry_of(f, EXIST_ERROR)));
}

/* The subrequest has ended. Its own errors are not the client's: NGX_OK. Nor is what it would send:
 * nginx keeps that for its turn, which a subrequest in the background never gets. */
static ngx_int_t land(ngx_http_request_t *sr, void *data, ngx_int_t rc)
{
    struct flight *f = data;
    sr->postponed = NULL;
    if (f->landed)
        return NGX_OK;
    enum exist_state state = judge(f, sr);
    take_out(f);
    if (is_odd(f, sr, state)) {
        learn_odd(f);
    } else if (is_of_store(sr, rc)) {
        learn(f, state);
    } else if (!is_clients(sr, rc)) {
        ngx_log_error(NGX_LOG_ERR, sr->connection->log, 0,
                      "archeio: \"%V\" was not asked: archeio_existence \"%V\" gave %i without an "
                      "answer of a store; does that location have a proxy_pass?",
                      &f->url, &f->question.location->existence, rc);
    }
    wake(f, state);
    return NGX_OK;
}

/* The request that it belongs to is freed: too early, if it has not landed. */
static void abandon(void *data)
{
    struct flight *f = data;
    if (f->landed)
        return;
    take_out(f);
    wake(f, EXIST_MISS);
}

/* ── The beginning ── */

static struct flight *make(ngx_http_request_t *r, const struct flight_question *q, enum kind kind)
{
    struct flight *f = ngx_pcalloc(r->pool, sizeof(*f));
    ngx_http_cleanup_t *cleanup = f != NULL ? ngx_http_cleanup_add(r, 0) : NULL;
    u_char *url = cleanup != NULL ? ngx_pnalloc(r->pool, q->url.len + q->object.len) : NULL;
    if (url == NULL)
        return NULL;
    f->url.data = url;
    url = ngx_cpymem(url, q->url.data, q->url.len);
    url = ngx_cpymem(url, q->object.data, q->object.len);
    f->url.len = (size_t)(url - f->url.data);
    f->owner = r->main;
    f->question = *q;
    f->kind = kind;
    f->landed = true; /* until it has begun */
    ngx_queue_init(&f->waiters);
    cleanup->handler = abandon;
    cleanup->data = f;
    return f;
}

/* HEAD, unless the location says otherwise: a blob may be large. */
static bool begin(ngx_http_request_t *r, struct flight *f)
{
    static const ngx_str_t head = ngx_string("HEAD");
    ngx_http_request_t *sr;
    ngx_str_t uri = f->question.location->existence;
    ngx_http_post_subrequest_t *post = ngx_palloc(r->pool, sizeof(*post));
    if (post == NULL)
        return false;
    *post = (ngx_http_post_subrequest_t){.handler = land, .data = f};
    if (ngx_http_subrequest(r, &uri, NULL, &sr, post, NGX_HTTP_SUBREQUEST_BACKGROUND) != NGX_OK)
        return false;
    sr->method = NGX_HTTP_HEAD;
    sr->method_name = head;
    ngx_http_set_ctx(sr, f, ngx_http_archeio_module);
    f->landed = false;
    add(f);
    return true;
}

static bool launch(ngx_http_request_t *r, const struct flight_question *q, enum kind kind,
                   struct flight **out)
{
    *out = NULL;
    if (q->objects->flights >= FLIGHT_STORE_MAX)
        return false;
    *out = make(r, q, kind);
    return *out != NULL && begin(r, *out);
}

bool flight_ask(ngx_http_request_t *r, const struct flight_question *q, struct flight_waiter *w)
{
    struct flight *f = find(&q->key);
    if (f == NULL && !launch(r, q, ASKED, &f))
        return false;
    join(f, w);
    return true;
}

void flight_check(ngx_http_request_t *r, const struct flight_question *q)
{
    struct flight *f;
    launch(r, q, CHECK, &f);
}

ngx_str_t flight_url(const struct flight *f)
{
    return f->url;
}
