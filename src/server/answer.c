#include "server/answer.h"

#define CACHE_UNUSED (-1)

size_t answer_room(const struct worker *w, const struct http1_request *r)
{
    return RESPOND_HEAD_MAX + DECIDE_BUFFER_SIZE(&w->generation->snapshot, r->target.len);
}

static const char *date(struct worker *w)
{
    int64_t second = clock_wall();
    if (second != w->date_second) {
        w->date_second = second;
        respond_date(second, w->date);
    }
    return w->date;
}

static struct addr client_of(struct conn *c, const struct http1_request *r)
{
    struct addr client = c->peer;
    const struct client_rules *rules = &c->worker->generation->rules;
    if (client_address(rules, &c->peer, r->forwarded_for, r->n_forwarded_for, &client) ==
        CLIENT_UNUSABLE) {
        client = (struct addr){.family = ADDR_NONE};
        if (!c->asked)
            counters_add(&c->worker->counters.client_failures, 1);
    }
    return client;
}

/* Asks the prober, if this request may still wait: true if it does. It asks about each of its
 * candidates once, in their order: a store whose queue is full says so at once, and would be asked
 * again and again, in turn with another, until the time is over. */
static bool ask(struct conn *c, uint32_t at, uint32_t store, const struct digest *digest)
{
    struct worker *w = c->worker;
    int64_t now = w->loop.now;
    if (c->asked && (at <= c->question_at || now >= c->wait_until))
        return false;
    if (!exist_ask(w->shared->exist, w->number, store, digest, &c->waiter))
        return false;
    if (w->generation->wait == 0) { /* the HEAD fills the cache all the same */
        exist_cancel(&c->waiter);
        return false;
    }
    if (!c->asked)
        c->wait_until = now + w->generation->wait;
    c->asked = true;
    c->answered = false;
    c->question_at = at;
    c->question_store = store;
    return true;
}

/* The cache's answer, or the one that the prober has just given this request: that one counts even
 * if the cache has no room for it. */
static enum exist_state look_up(struct conn *c, uint32_t at, uint32_t store,
                                const struct digest *digest)
{
    struct worker *w = c->worker;
    if (c->answered && c->question_at == at && c->question_store == store)
        return c->waiter.state;
    enum exist_state state = exist_lookup(w->shared->exist, w->number, store, digest, w->loop.now);
    if (!c->asked)
        counters_add(&w->counters.lookups[state], 1);
    return state;
}

static enum decide_existence existence_of(enum exist_state state)
{
    if (state == EXIST_PRESENT)
        return DECIDE_PRESENT;
    return state == EXIST_ABSENT ? DECIDE_ABSENT : DECIDE_UNKNOWN;
}

/* Answers the decision's questions; ANSWER_WAIT if the prober has to. */
static enum answer_result settle_questions(struct conn *c, struct decision *d, int *cache)
{
    const struct generation *g = c->worker->generation;
    enum decide_next next = DECIDE_ASK;
    for (uint32_t at = 0; next == DECIDE_ASK; at++) {
        uint32_t store = g->store_id[d->ask_store];
        enum exist_state state =
            store == UINT32_MAX ? EXIST_ERROR : look_up(c, at, store, &d->digest);
        if (state == EXIST_MISS && ask(c, at, store, &d->digest))
            return ANSWER_WAIT;
        *cache = c->asked ? EXIST_MISS : (int)state;
        next = decide_resume(d, existence_of(state));
    }
    if (d->answer.step == DECIDE_R12)
        exist_redirected(c->worker->shared->exist, c->worker->number, g->store_id[d->answer.store],
                         &d->digest);
    return ANSWER_DONE;
}

static void log_answer(struct conn *c, const struct http1_request *r, struct access_record *record)
{
    struct worker *w = c->worker;
    record->time_us = clock_wall_us();
    record->duration_ns = clock_now() - (c->began != 0 ? c->began : w->loop.now);
    if (r != NULL) {
        record->method = r->method_text;
        record->path = r->target;
        record->user_agent = r->user_agent;
        record->trace = r->traceparent.len > 0 ? r->traceparent : r->cloud_trace;
    }
    access_put(w->ring, record);
}

static void log_decision(struct conn *c, const struct http1_request *r,
                         const struct decide_answer *answer, struct access_record *record)
{
    const struct snapshot *s = &c->worker->generation->snapshot;
    struct snapshot_network network = snapshot_network(s, answer->network);
    record->status = answer->status;
    record->step = answer->step;
    record->cloud = network.cloud;
    record->region = network.region;
    if (answer->store != DECIDE_NO_STORE)
        record->store = snapshot_store(s, answer->store).name;
    log_answer(c, r, record);
}

enum answer_result answer_request(struct conn *c, const struct http1_request *r, struct buf *out)
{
    struct worker *w = c->worker;
    const struct generation *g = w->generation;
    struct addr client = client_of(c, r);
    struct decide_request request = {
        .method = r->method,
        .target = r->target,
        .buffer = out->data + out->len + RESPOND_LOCATION_AT,
        .size = DECIDE_BUFFER_SIZE(&g->snapshot, r->target.len),
    };
    struct decision decision;
    int cache = CACHE_UNUSED;
    if (decide_begin(&g->snapshot, &request, &client, &decision) == DECIDE_ASK &&
        settle_questions(c, &decision, &cache) == ANSWER_WAIT)
        return ANSWER_WAIT;

    c->ending = r->close || w->phase != WORKER_SERVE;
    struct respond_options options = {
        .date = date(w),
        .connection = c->ending   ? RESPOND_CLOSE
                      : r->http10 ? RESPOND_KEEP_HTTP10
                                  : RESPOND_KEEP,
        .head = r->method == DECIDE_HEAD,
    };
    size_t before = out->len;
    respond_answer(out, &decision.answer, &options);
    counters_answer(&w->answered, &decision.answer);
    if (w->ring != NULL) {
        struct access_record record = {
            .client = client, .cache = (int8_t)cache, .bytes = (uint32_t)(out->len - before)};
        log_decision(c, r, &decision.answer, &record);
    }
    return ANSWER_DONE;
}

void answer_error(struct conn *c, uint16_t status, struct buf *out)
{
    struct worker *w = c->worker;
    size_t before = out->len;
    respond_error(out, status, date(w));
    counters_add(&w->counters.errors[counters_error_of(status)], 1);
    c->ending = true;
    if (w->ring != NULL) {
        struct access_record record = {.client = c->peer,
                                       .status = status,
                                       .cache = CACHE_UNUSED,
                                       .bytes = (uint32_t)(out->len - before)};
        log_answer(c, NULL, &record);
    }
}
