#include "server/answer.h"

#include "sys/clock.h"

const char *answer_date(struct worker *w)
{
    if (w->date_turn == w->loop.now)
        return w->date;
    w->date_turn = w->loop.now;
    int64_t second = clock_wall();
    if (second != w->date_second) {
        w->date_second = second;
        respond_date(second, w->date);
    }
    return w->date;
}

/* A request that came when other fields were wanted has none of them. */
static bool has_wanted(const struct worker *w, const struct http_request *r)
{
    return r->wanted_id == w->generation->wanted.id;
}

static enum client_result real_ip(const struct worker *w, const struct addr *peer,
                                  const struct http_request *r, struct addr *client)
{
    const struct generation *g = w->generation;
    const struct str *field = &r->wanted[g->wanted.n - 1];
    bool came = has_wanted(w, r) && field->data != NULL;
    return client_address(&g->rules, peer, field, came ? 1 : 0, client);
}

static struct addr client_of(struct worker *w, const struct answer_inquiry *q,
                             const struct http_request *r)
{
    const struct client_rules *rules = &w->generation->rules;
    struct addr client;
    if (q->known) /* since then the rules may have changed, and which fields are kept */
        return q->client;
    enum client_result result =
        rules->mode == CLIENT_X_REAL_IP
            ? real_ip(w, q->peer, r, &client)
            : client_address(rules, q->peer, r->forwarded_for, r->n_forwarded_for, &client);
    if (result == CLIENT_UNUSABLE && !q->asked)
        counters_add(&w->counters.client_failures, 1);
    return client;
}

/* What a decision asks for; its key is NULL if nobody can be asked. key: memory for that of a path.
 */
static struct exist_object object_of(const struct decision *d, struct digest *key)
{
    struct exist_object object = {&d->digest, d->ask_path};
    if (d->digest.size == 0)
        object.key = exist_path_key(d->ask_path, key) ? key : NULL;
    return object;
}

/* Asks the prober, if this request may still wait: true if it does. It asks about each of its
 * candidates once, in their order: a store whose queue is full says so at once, and would be asked
 * again and again, in turn with another, until the time is over. */
static bool ask(struct worker *w, struct answer_inquiry *q, uint32_t at, uint32_t store,
                const struct exist_object *object)
{
    int64_t now = w->loop.now;
    if (q->asked && (at <= q->at || now >= q->wait_until))
        return false;
    if (!exist_ask(w->shared->exist, w->number, store, object, &q->waiter))
        return false;
    if (w->generation->wait == 0) { /* the HEAD fills the cache all the same */
        exist_cancel(&q->waiter);
        return false;
    }
    if (!q->asked)
        q->wait_until = now + w->generation->wait;
    if (q->began == 0)
        q->began = now;
    q->asked = q->waiting = true;
    q->answered = false;
    q->at = at;
    q->store = store;
    return true;
}

/* The cache's answer, or the one that the prober has just given this request: that one counts even
 * if the cache has no room for it. */
static enum exist_state look_up(struct worker *w, const struct answer_inquiry *q, uint32_t at,
                                uint32_t store, const struct exist_object *object)
{
    if (q->answered && q->at == at && q->store == store)
        return q->waiter.state;
    enum exist_state state =
        exist_lookup(w->shared->exist, w->number, store, object->key, w->loop.now);
    if (!q->asked)
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
static inline enum answer_result settle_questions(struct worker *w, struct answer_inquiry *q,
                                                  struct decision *d, int *cache)
{
    const struct generation *g = w->generation;
    struct digest key;
    const struct exist_object object = object_of(d, &key);
    const uint32_t *number = object.path.len > 0 ? g->path_store_id : g->store_id;
    enum decide_next next = DECIDE_ASK;
    for (uint32_t at = 0; next == DECIDE_ASK; at++) {
        uint32_t store = object.key == NULL ? UINT32_MAX : number[d->ask_store];
        enum exist_state state =
            store == UINT32_MAX ? EXIST_ERROR : look_up(w, q, at, store, &object);
        if (state == EXIST_MISS && ask(w, q, at, store, &object))
            return ANSWER_WAIT;
        *cache = q->asked ? EXIST_MISS : (int)state;
        next = decide_resume(d, existence_of(state));
    }
    if (d->answer.store != DECIDE_NO_STORE)
        exist_redirected(w->shared->exist, w->number, number[d->answer.store], object.key);
    return ANSWER_DONE;
}

/* Whether the client has sent too much: then this is the answer. */
static bool limit(struct worker *w, const struct answer_inquiry *q, struct answer *a)
{
    const struct generation *g = w->generation;
    if (!g->limited || q->asked)
        return false;
    a->retry_after = ratelimit_take(&w->shared->ratelimit, &g->limit, &a->client, w->loop.now);
    if (a->retry_after == 0)
        return false;
    a->decision.answer = (struct decide_answer){
        .status = 429,
        .store = DECIDE_NO_STORE,
        .route = DECIDE_NO_ROUTE,
        .body = STR("{\"errors\":[{\"code\":\"TOOMANYREQUESTS\",\"message\":\"this client sends "
                    "too many requests; it may go on after Retry-After\"}]}\n"),
    };
    return true;
}

static inline enum answer_result decide(struct worker *w, struct answer_inquiry *q,
                                        const struct decide_request *request, struct answer *a)
{
    if (limit(w, q, a))
        return ANSWER_DONE;
    if (decide_begin(&w->generation->snapshot, request, &a->client, &a->decision) != DECIDE_ASK)
        return ANSWER_DONE;
    enum answer_result result = settle_questions(w, q, &a->decision, &a->cache);
    if (result == ANSWER_WAIT) {
        q->client = a->client;
        q->known = true;
    }
    return result;
}

enum answer_result answer_decide_request(struct worker *w, struct answer_inquiry *q,
                                         const struct decide_request *request, struct answer *a)
{
    return decide(w, q, request, a);
}

enum answer_result answer_decide(struct worker *w, struct answer_inquiry *q,
                                 const struct http_request *r, char *buffer, struct answer *a)
{
    const struct decide_request request = {
        .method = r->method,
        .target = r->target,
        .host = r->host,
        .headers = has_wanted(w, r) ? r->wanted : NULL,
        .buffer = buffer,
        .size = answer_size(w, r),
    };
    answer_begin(a);
    a->client = client_of(w, q, r);
    return decide(w, q, &request, a);
}

void answer_give_up(struct worker *w, struct answer_inquiry *q)
{
    exist_cancel(&q->waiter);
    q->waiting = false;
    counters_add(&w->counters.gave_up, 1);
}

static void put_record(struct worker *w, const struct answer_inquiry *q,
                       const struct http_request *r, struct access_record *record)
{
    record->http2 = q->http2;
    record->time_us = clock_wall_us();
    record->duration_ns = clock_now() - (q->began != 0 ? q->began : w->loop.now);
    if (r != NULL) {
        record->user_agent = r->user_agent;
        record->trace = r->traceparent.len > 0 ? r->traceparent : r->cloud_trace;
    }
    access_put(w->ring, record);
}

static void log_answer(struct worker *w, const struct answer_inquiry *q,
                       const struct http_request *r, const struct answer *a, size_t bytes)
{
    const struct snapshot *s = &w->generation->snapshot;
    const struct decide_answer *answer = &a->decision.answer;
    struct snapshot_network network = snapshot_network(s, answer->network);
    struct access_record record = {
        .client = a->client,
        .status = answer->status,
        .step = answer->step,
        .cloud = network.cloud,
        .region = network.region,
        .cache = (int8_t)a->cache,
        .bytes = (uint32_t)bytes,
        .method = r->method_text,
        .host = r->host,
        .path = r->target,
    };
    if (a->page != NULL) {
        record.asker = *q->peer;
        record.method = a->subject.method;
        record.host = a->subject.host;
        record.path = a->subject.target;
    }
    if (answer->route != DECIDE_NO_ROUTE)
        record.route = snapshot_route(s, answer->route).name;
    if (answer->store != DECIDE_NO_STORE)
        record.store = snapshot_store(s, answer->store).name;
    put_record(w, q, r, &record);
}

void answer_account(struct worker *w, struct answer_inquiry *q, const struct http_request *r,
                    const struct answer *a, size_t bytes)
{
    if (a->retry_after > 0)
        counters_add(&w->counters.errors[COUNTERS_429], 1);
    if (a->page != NULL)
        counters_add(&w->counters.asked[a->decision.answer.step], 1);
    else if (a->retry_after == 0)
        counters_answer(&w->answered, &a->decision.answer);
    if (w->ring != NULL)
        log_answer(w, q, r, a, bytes);
    q->began = 0;
    q->asked = q->answered = q->known = false;
}

void answer_account_error(struct worker *w, struct answer_inquiry *q, uint16_t status, size_t bytes)
{
    counters_add(&w->counters.errors[counters_error_of(status)], 1);
    if (w->ring == NULL)
        return;
    struct access_record record = {.client = *q->peer,
                                   .status = status,
                                   .cache = ANSWER_CACHE_UNUSED,
                                   .bytes = (uint32_t)bytes};
    put_record(w, q, NULL, &record);
}
