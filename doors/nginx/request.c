#include "request.h"

#include "answer.h"

/* ── What the core is given ── */

/* As realip or the PROXY protocol have made it. What is neither IPv4 nor IPv6 is unknown. */
static struct addr client_of(const ngx_connection_t *c)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)c->sockaddr;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)c->sockaddr;
    if (c->sockaddr->sa_family == AF_INET)
        return addr_from_v4((const uint8_t *)&v4->sin_addr);
    if (c->sockaddr->sa_family == AF_INET6)
        return addr_from_v6(v6->sin6_addr.s6_addr);
    return (struct addr){.family = ADDR_NONE};
}

/* As it was received, but nginx has taken an authority off: "http://host?x" is "?x" then, whose
 * path is "/" (RFC 9110 section 4.2.3). False: no memory. */
static bool target_of(const ngx_http_request_t *r, struct str *target)
{
    const ngx_str_t *raw = &r->unparsed_uri;
    *target = str_make((const char *)raw->data, raw->len);
    if (raw->len == 0 || raw->data[0] != '?')
        return true;
    char *whole = ngx_pnalloc(r->pool, raw->len + 1);
    if (whole == NULL)
        return false;
    whole[0] = '/';
    memcpy(whole + 1, raw->data, raw->len);
    *target = str_make(whole, raw->len + 1);
    return true;
}

/* The first of that name, which is in lower case; data is NULL where there is none. */
static struct str field_of(const ngx_http_request_t *r, struct str name)
{
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL;
         part = part->next) {
        const ngx_table_elt_t *field = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++)
            if (field[i].key.len == name.len &&
                memcmp(field[i].lowcase_key, name.data, name.len) == 0)
                return str_make((const char *)field[i].value.data, field[i].value.len);
    }
    return str_make(NULL, 0);
}

static const struct str *fields_of(const ngx_http_request_t *r, const struct snapshot *snapshot,
                                   struct str field[SNAPSHOT_HEADERS_MAX])
{
    for (uint32_t i = 0; i < snapshot->n_headers; i++)
        field[i] = field_of(r, snapshot_header(snapshot, i));
    return field;
}

static bool fill_request(const ngx_http_request_t *r, const struct snapshot *snapshot,
                         struct decide_request *request)
{
    request->method = r->method == NGX_HTTP_GET    ? DECIDE_GET
                      : r->method == NGX_HTTP_HEAD ? DECIDE_HEAD
                                                   : DECIDE_OTHER;
    if (!target_of(r, &request->target))
        return false;
    request->host = str_make((const char *)r->headers_in.server.data, r->headers_in.server.len);
    request->size = DECIDE_BUFFER_SIZE(snapshot, request->target.len);
    request->buffer = ngx_pnalloc(r->pool, request->size);
    return request->buffer != NULL;
}

/* ── Questions ── */

static bool is_blob(const struct decision *d)
{
    return d->digest.size != 0;
}

/* Of the store that the decision asks, or has asked last. */
static struct conf_objects *objects_of(const struct request *q)
{
    struct conf_store *store = &q->conf->policy->store[q->decision.ask_store];
    return is_blob(&q->decision) ? &store->blobs : &store->paths;
}

/* What the decision asks, or has been answered last. False: nobody can be asked. */
static bool make_question(const struct request *q, struct flight_question *out)
{
    const struct conf_policy *policy = q->conf->policy;
    const struct decision *d = &q->decision;
    const struct snapshot_store store = snapshot_store(&policy->snapshot, d->ask_store);
    struct digest path;
    out->conf = ngx_http_get_module_main_conf(q->r, ngx_http_archeio_module);
    out->location = q->conf;
    out->objects = objects_of(q);
    out->by_path = !is_blob(d);
    if (out->objects->known == NULL || (out->by_path && !shared_path(d->ask_path, &path)))
        return false;
    out->url = is_blob(d) ? store.objects : store.base;
    out->object = is_blob(d) ? d->digest_text : d->ask_path;
    out->key = shared_key(out->conf->shared, out->objects->known, is_blob(d) ? &d->digest : &path);
    return true;
}

static void wake(ngx_event_t *event);

static void leave(void *data)
{
    flight_leave(data);
}

static bool make_waiter(struct request *q)
{
    struct flight_waiter *w = ngx_pcalloc(q->r->pool, sizeof(*w));
    ngx_http_cleanup_t *cleanup = w != NULL ? ngx_http_cleanup_add(q->r, 0) : NULL;
    if (cleanup == NULL)
        return false;
    cleanup->handler = leave;
    cleanup->data = w;
    w->event.handler = wake;
    w->event.data = q;
    w->event.log = q->r->connection->log;
    q->waiter = w;
    q->wait_until = ngx_current_msec + q->conf->wait;
    return true;
}

/* Asks, if this client may still wait: true if it does. Even where none may, the first question
 * is asked: the answer is for others. */
static bool ask(struct request *q, const struct flight_question *question)
{
    bool first = q->waiter == NULL;
    if (first && !make_waiter(q))
        return false;
    ngx_msec_int_t left = (ngx_msec_int_t)(q->wait_until - ngx_current_msec);
    if ((left <= 0 && !first) || !flight_ask(q->r, question, q->waiter))
        return false;
    if (left > 0) {
        ngx_add_timer(&q->waiter->event, (ngx_msec_t)left);
        return true;
    }
    flight_leave(q->waiter);
    return false;
}

static enum decide_existence existence_of(enum exist_state state)
{
    if (state == EXIST_PRESENT)
        return DECIDE_PRESENT;
    return state == EXIST_ABSENT ? DECIDE_ABSENT : DECIDE_UNKNOWN;
}

/* The path that this client wants may be one that it made up, and that the store never answers
 * well. False: no memory. */
static bool take_proven_path(const struct request *q, struct flight_question *question)
{
    struct shared *shared = question->conf->shared;
    struct shared_store *store = question->objects->known;
    struct digest digest;
    char *memory = ngx_pnalloc(q->r->pool, EXIST_PATH_MAX);
    if (memory == NULL)
        return false;
    struct str path = shared_proven(shared, store, memory);
    if (path.len != 0 && shared_path(path, &digest)) {
        question->object = path;
        question->key = shared_key(shared, store, &digest);
    }
    return true;
}

/* Whether the store is back. */
static void try_store(const struct request *q, struct flight_question question)
{
    if (!question.by_path || take_proven_path(q, &question))
        flight_check(q->r, &question);
}

static enum exist_state look_up(struct request *q, const struct flight_question *question)
{
    struct shared_store *store = question->objects->known;
    enum exist_state state = shared_find(question->conf->shared, store, &question->key);
    if (state == EXIST_DOWN && shared_due(store))
        try_store(q, *question);
    return state;
}

/* A client is sent there. */
static void watch(struct request *q)
{
    struct flight_question question;
    if (shared_due(objects_of(q)->known) && make_question(q, &question))
        flight_check(q->r, &question);
}

/* Answers the decision's questions, and then the request; NGX_AGAIN: the client waits. */
static ngx_int_t go_on(struct request *q, enum decide_next next)
{
    struct flight_question question;
    while (next == DECIDE_ASK) {
        enum exist_state state = EXIST_ERROR;
        if (make_question(q, &question))
            state = look_up(q, &question);
        if (state == EXIST_MISS && ask(q, &question))
            return NGX_AGAIN;
        next = decide_resume(&q->decision, existence_of(state));
    }
    if (q->decision.answer.store != DECIDE_NO_STORE)
        watch(q);
    q->answered = true;
    return answer_send(q->r, &q->decision.answer);
}

/* ── Beginning and waking ── */

/* The answer has come, or the time is over; then the question is answered "unknown". If whose HEAD
 * it was has gone, it is asked anew. */
static void wake(ngx_event_t *event)
{
    struct request *q = event->data;
    ngx_http_request_t *r = q->r;
    ngx_connection_t *c = r->connection;
    enum decide_next next = DECIDE_ASK;
    ngx_http_set_log_request(c->log, r);
    enum exist_state state = q->waiter->state;
    if (event->timedout || state != EXIST_MISS)
        next = decide_resume(&q->decision, existence_of(state));
    flight_leave(q->waiter);
    event->timedout = 0;
    ngx_int_t rc = go_on(q, next);
    if (rc != NGX_AGAIN)
        ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}

/* nginx may be told to take longer targets than are decided on. */
static ngx_int_t refuse_target(ngx_http_request_t *r)
{
    static const struct decide_answer too_long = {
        .status = NGX_HTTP_REQUEST_URI_TOO_LARGE,
        .store = DECIDE_NO_STORE,
        .route = DECIDE_NO_ROUTE,
    };
    return answer_send(r, &too_long);
}

static ngx_int_t begin(ngx_http_request_t *r)
{
    struct request *q = ngx_palloc(r->pool, sizeof(*q));
    struct decide_request request;
    if (q == NULL)
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    q->r = r;
    q->conf = ngx_http_get_module_loc_conf(r, ngx_http_archeio_module);
    q->waiter = NULL;
    q->answered = false;
    const struct snapshot *snapshot = &q->conf->policy->snapshot;
    if (!fill_request(r, snapshot, &request))
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    if (request.target.len > DECIDE_TARGET_MAX)
        return refuse_target(r);
    ngx_http_set_ctx(r, q, ngx_http_archeio_module);
    struct str field[SNAPSHOT_HEADERS_MAX];
    request.headers = fields_of(r, snapshot, field);
    struct addr client = client_of(r->connection);
    ngx_int_t rc = go_on(q, decide_begin(snapshot, &request, &client, &q->decision));
    if (rc != NGX_AGAIN)
        return rc;
    r->main->count++; /* until it has been woken */
    return NGX_DONE;
}

/* Nobody wants one: it is not asked for by a 100, and what follows it is taken for no request. */
static ngx_int_t refuse_body(ngx_http_request_t *r)
{
    r->expect_tested = 1;
    if (r->headers_in.content_length_n > 0 || r->headers_in.chunked)
        r->keepalive = 0;
    return ngx_http_discard_request_body(r);
}

ngx_int_t request_handle(ngx_http_request_t *r)
{
    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "archeio answers clients, no subrequests; is archeio_existence \"%V\" a "
                      "location of its own?",
                      &r->uri);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    ngx_int_t rc = refuse_body(r);
    return rc == NGX_OK ? begin(r) : rc;
}
