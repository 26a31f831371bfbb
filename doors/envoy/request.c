#include "request.h"

#include "answer.h"
#include "clock.h"
#include "existence.h"
#include "ip/endpoint.h"
#include "memory.h"
#include "pairs.h"

#include <archeio/decide.h>

/* What is read of a request: views of what the host handed over. */
struct fields {
    struct str method;
    struct str target;
    struct str host;          /* :authority, which Envoy makes of Host, too */
    struct str *header;       /* those that routes look at, as snapshot_header() numbers them */
    struct str *client_lines; /* the field that names the client, in the order received */
    size_t n_client_lines;
};

enum result { ANSWERED, WAITS, UNREADABLE };

/* Of several lines the first counts. */
static void note_header(const struct snapshot *s, struct fields *f, struct str key,
                        struct str value)
{
    for (uint32_t i = 0; i < s->n_headers; i++)
        if (f->header[i].data == NULL && str_eq(snapshot_header(s, i), key))
            f->header[i] = value;
}

static bool take_memory(const struct snapshot *s, uint32_t n_fields, struct fields *f)
{
    size_t headers = s->n_headers * sizeof(struct str);
    *f = (struct fields){.client_lines = memory_take(n_fields * sizeof(struct str)),
                         .header = memory_take(headers)};
    if (f->client_lines == NULL || f->header == NULL)
        return false;
    memset(f->header, 0, headers);
    return true;
}

static void note_field(const struct root *r, struct fields *f, struct str key, struct str value)
{
    const struct snapshot *s = &r->snapshot;
    if (str_eq(key, STR(":method"))) {
        f->method = value;
    } else if (str_eq(key, STR(":path"))) {
        f->target = value;
    } else if (str_eq(key, STR(":authority"))) {
        f->host = value;
        note_header(s, f, STR("host"), value);
    } else {
        if (str_eq(key,
                   r->rules.mode == CLIENT_X_REAL_IP ? STR("x-real-ip") : STR("x-forwarded-for")))
            f->client_lines[f->n_client_lines++] = value;
        note_header(s, f, key, value);
    }
}

static bool read_fields(const struct root *r, struct fields *f)
{
    char *data;
    size_t size;
    struct str key, value;
    if (abi_get_pairs(ABI_REQUEST_HEADERS, &data, &size) != ABI_OK)
        return false;
    struct pairs pairs = pairs_read(str_make(data, size));
    if (!take_memory(&r->snapshot, pairs.n, f))
        return false;
    while (pairs_next(&pairs, &key, &value))
        note_field(r, f, key, value);
    return true;
}

/* Envoy's own notion of the client. */
static struct addr peer_of_request(void)
{
    static const char path[] = "source\0address"; /* and the zero that ends it */
    char *data;
    size_t size;
    struct endpoint peer = {.port = 0};
    if (abi_get_property(path, sizeof(path), &data, &size) == ABI_OK)
        endpoint_parse(str_make(data, size), &peer);
    return peer.addr;
}

static struct addr client_of(const struct root *r, const struct fields *f)
{
    struct addr peer = {.family = ADDR_NONE}, client;
    bool named = r->rules.mode == CLIENT_GOOGLE_LB || r->rules.mode == CLIENT_X_REAL_IP;
    if (!named || f->n_client_lines == 0)
        peer = peer_of_request();
    client_address(&r->rules, &peer, f->client_lines, f->n_client_lines, &client);
    return client;
}

static bool fill(const struct root *r, const struct fields *f, struct decide_request *request)
{
    size_t size = DECIDE_BUFFER_SIZE(&r->snapshot, f->target.len);
    *request = (struct decide_request){
        .method = str_eq(f->method, STR("GET"))    ? DECIDE_GET
                  : str_eq(f->method, STR("HEAD")) ? DECIDE_HEAD
                                                   : DECIDE_OTHER,
        .target = f->target,
        .host = f->host,
        .headers = f->header,
        .buffer = memory_take(size),
        .size = size,
    };
    return request->buffer != NULL;
}

/* ── Questions ── */

static bool question_of(const struct root *r, const struct decision *d,
                        struct existence_question *q)
{
    struct snapshot_store store = snapshot_store(&r->snapshot, d->ask_store);
    bool blob = d->digest.size > 0;
    struct str prefix = blob ? store.objects : store.base;
    struct str object = blob ? d->digest_text : d->ask_path;
    char *memory = memory_take(prefix.len + object.len);
    if (memory == NULL)
        return false;
    memcpy(memory, prefix.data, prefix.len);
    memcpy(memory + prefix.len, object.data, object.len);
    *q =
        (struct existence_question){d->ask_store, !blob, str_make(memory, prefix.len + object.len)};
    return true;
}

/* A request asks about each of its candidates once, in their order: true if it waits now. */
static bool ask(struct root *r, const struct existence_question *q, struct waiters_one *w,
                uint32_t at, int64_t now)
{
    bool asked = w->deadline != 0;
    if (asked && (at <= w->at || now >= w->deadline))
        return false;
    w->flight = existence_ask(r, q);
    if (w->flight == FLIGHTS_NONE ||
        r->settings.wait == 0) /* the HEAD fills the cache all the same */
        return false;
    w->at = at;
    if (!asked)
        w->deadline = now + r->settings.wait;
    if (!waiters_add(&r->waiters, w))
        return false;
    root_start_ticking(r);
    return true;
}

static enum decide_existence existence_of(enum slots_state state)
{
    if (state == SLOTS_PRESENT)
        return DECIDE_PRESENT;
    return state == SLOTS_ABSENT ? DECIDE_ABSENT : DECIDE_UNKNOWN;
}

static enum result settle_questions(struct root *r, struct decision *d, struct waiters_one *w)
{
    enum decide_next next = DECIDE_ASK;
    int64_t now = clock_now();
    struct existence_question q = {0};
    bool answered = w->deadline != 0; /* w->state is the answer to the last question */
    for (uint32_t at = 0; next == DECIDE_ASK; at++) {
        enum slots_state state = SLOTS_ERROR;
        if (question_of(r, d, &q))
            state = answered && at == w->at ? w->state : existence_find(r, &q, now);
        if (state == SLOTS_MISS && ask(r, &q, w, at, now))
            return WAITS;
        next = decide_resume(d, existence_of(state));
    }
    if (d->answer.store == q.store && q.url.len > 0)
        existence_redirected(r, &q, now);
    return ANSWERED;
}

/* w: with its context alone, or as waiters_take() gave it. */
static enum result decide(struct root *r, struct waiters_one *w)
{
    struct fields f;
    struct decide_request request;
    struct decision d;
    if (!read_fields(r, &f))
        return UNREADABLE;
    if (f.target.len > DECIDE_TARGET_MAX) {
        answer_refuse(414);
        return ANSWERED;
    }
    if (!fill(r, &f, &request))
        return UNREADABLE;
    const struct addr client = client_of(r, &f);
    if (client.family == ADDR_NONE && w->deadline == 0)
        counters_add(&r->counters, COUNTERS_CLIENT_UNUSABLE);
    if (decide_begin(&r->snapshot, &request, &client, &d) == DECIDE_ASK &&
        settle_questions(r, &d, w) == WAITS)
        return WAITS;
    answer_send(&r->snapshot, &d.answer);
    return ANSWERED;
}

uint32_t request_begin(struct root *r, uint32_t context)
{
    struct waiters_one w = {.context = context};
    if (r->usable && decide(r, &w) != UNREADABLE)
        return ABI_PAUSE;
    counters_add(&r->counters, COUNTERS_PASSED);
    return ABI_CONTINUE;
}

void request_go_on(struct root *r)
{
    struct waiters_one w;
    while (waiters_take(&r->waiters, &w)) {
        memory_reset();
        /* Its client may be gone. */
        if (abi_set_context(w.context) == ABI_OK && decide(r, &w) == UNREADABLE)
            answer_refuse(503);
    }
    abi_set_context(r->context);
}
