#include "server/decide_listener.h"

#include "base/num.h"
#include "base/percent.h"
#include "http/authority.h"
#include "http/http2.h"
#include "http/http_target.h"
#include "server/access_format.h"

#include <assert.h>
#include <stdlib.h>

#define PUT(out, literal) buf_put(out, literal, sizeof(literal) - 1)

/* A client that is led on by /host may ask for anything: that is content, of no repository. */
#define HOST_TARGET "/v2/_/manifests/_"

#define BODY_MAX 16384
#define LOCATION_MAX 12288 /* the longest target, and twice the longest URL of a snapshot */
#define ENCODED_MAX 4096   /* of a body as a field; what has one has no Location */
#define FIELDS_MAX 8
#define FIELDS_SIZE 1024 /* of all other fields */
static_assert(LOCATION_MAX >= HTTP_TARGET_MAX + 2 * SNAPSHOT_URL_MAX, "any Location fits");
static_assert(BODY_MAX + LOCATION_MAX + FIELDS_SIZE <= DECIDE_LISTENER_SIZE, "as was promised");
static_assert(DECIDE_LISTENER_SIZE + RESPOND_HEAD_MAX <= WORKER_OUTPUT,
              "an answer is sent at once");
static_assert(LOCATION_MAX + FIELDS_SIZE <= HTTP2_FIELDS_MAX, "they fit one frame");

enum { IP, PATH, HOST, METHOD, PARAMETERS };

static const struct {
    struct str parameter;
    struct str field;
} names[PARAMETERS] = {
    [IP] = {STR_INIT("ip"), STR_INIT("x-real-ip")},
    [PATH] = {STR_INIT("path"), STR_INIT("x-original-uri")},
    [HOST] = {STR_INIT("host"), STR_INIT("x-original-host")},
    [METHOD] = {STR_INIT("method"), STR_INIT("x-original-method")},
};
static_assert(SNAPSHOT_HEADERS_MAX + PARAMETERS <= HTTP_REQUEST_WANTED_MAX,
              "there is room for all");

struct decide_listener {
    char decoded[HTTP_TARGET_MAX]; /* the values of the query */
    char location[LOCATION_MAX + DECIDE_TARGET_MAX];
    char body[BODY_MAX];
    char encoded[ENCODED_MAX];
    char status[NUM_TEXT_MAX];
    char retry_after[NUM_TEXT_MAX];
    struct respond_field field[FIELDS_MAX];
    struct respond_page page;
};

/* What is asked; data is NULL where nothing was given. */
struct question {
    struct str value[PARAMETERS];
};

struct decide_listener *decide_listener_new(void)
{
    return malloc(sizeof(struct decide_listener));
}

void decide_listener_want(struct http_request_wanted *wanted, const struct snapshot *s)
{
    wanted->n = PARAMETERS + s->n_headers;
    for (uint32_t i = 0; i < PARAMETERS; i++)
        wanted->name[i] = names[i].field;
    for (uint32_t i = 0; i < s->n_headers; i++)
        wanted->name[PARAMETERS + i] = snapshot_header(s, i);
}

/* ── The question ── */

/* Decodes a value (RFC 3986 section 2.1) to memory, which has room for it; a '+' is one. False: a
 * '%' begins no escape. */
static bool decode(struct str text, char *memory, struct str *out)
{
    char *at = memory;
    for (size_t i = 0; i < text.len; i++) {
        int byte = (unsigned char)text.data[i];
        if (byte == '%') {
            byte = percent_byte(str_skip(text, i));
            if (byte < 0)
                return false;
            i += 2;
        }
        *at++ = (char)byte;
    }
    *out = str_make(memory, (size_t)(at - memory));
    return true;
}

static int parameter_of(struct str name)
{
    for (int i = 0; i < PARAMETERS; i++)
        if (str_eq(name, names[i].parameter))
            return i;
    return PARAMETERS;
}

/* NULL, or what is wrong with the query. A name that is not known, or comes twice, is likely to be
 * the rest of a value that was not encoded, and might be of a client's making. */
static const char *read_query(struct str query, char *memory, struct question *out)
{
    while (query.len > 0) {
        struct str pair = str_make(query.data, str_find(query, '&'));
        query = str_skip(query, pair.len < query.len ? pair.len + 1 : pair.len);
        size_t equals = str_find(pair, '=');
        int i = parameter_of(str_make(pair.data, equals));
        if (i == PARAMETERS || equals == pair.len)
            return "the query has a part that is none of ip=, path=, host= and method=; within a "
                   "value, write & as %26";
        if (out->value[i].data != NULL)
            return "the query gives a value twice; within a value, write & as %26";
        if (!decode(str_skip(pair, equals + 1), memory, &out->value[i]))
            return "the query has a % that no two hexadecimal digits follow; write it as %25";
        memory += out->value[i].len;
    }
    return NULL;
}

/* Fields stand in for what the query has not. */
static const char *read_question(struct worker *w, const struct http_request *r, struct str query,
                                 struct question *out)
{
    const char *why = read_query(query, w->decide->decoded, out);
    for (int i = 0; i < PARAMETERS; i++)
        if (out->value[i].data == NULL)
            out->value[i] = r->wanted[i];
    if (out->value[HOST].len == 0)
        out->value[HOST] = r->host;
    if (out->value[METHOD].len == 0)
        out->value[METHOD] = STR("GET");
    return why;
}

/* ── The page ── */

static void put_field(struct decide_listener *d, struct str name, struct str value)
{
    assert(d->page.n_fields < FIELDS_MAX);
    d->field[d->page.n_fields++] = (struct respond_field){name, value};
}

static void put_number(struct decide_listener *d, struct str name, uint64_t n, char *memory)
{
    put_field(d, name, str_make(memory, num_format(n, memory)));
}

static struct respond_page *begin_page(struct worker *w, uint16_t status, struct str type)
{
    struct decide_listener *d = w->decide;
    d->page = (struct respond_page){.status = status, .type = type, .field = d->field};
    return &d->page;
}

static struct decide_answer no_decision(uint16_t status)
{
    return (struct decide_answer){
        .status = status, .store = DECIDE_NO_STORE, .route = DECIDE_NO_ROUTE};
}

/* Answers what is no question, or has no answer. */
static enum answer_result refuse(struct worker *w, struct answer *a, uint16_t status,
                                 const char *why)
{
    struct buf body = buf_make(w->decide->body, BODY_MAX);
    struct respond_page *page = begin_page(w, status, STR("application/json"));
    PUT(&body, "{\"error\":\"");
    buf_json(&body, str_from(why));
    PUT(&body, "\"}\n");
    page->body = str_make(body.data, body.len);
    a->page = page;
    a->decision.answer = no_decision(status);
    return ANSWER_DONE;
}

/* ── /decide ── */

/* A body may hold any byte, which no field may. False: it does not fit. */
static bool encode(struct str text, char *memory, struct str *out)
{
    static const char plain[] = "!\"#$&'()*+,/:;<=>?@[\\]^`{|}"; /* and what is unreserved */
    struct buf to = buf_make(memory, ENCODED_MAX);
    percent_encode(&to, text, plain);
    *out = str_make(to.data, to.len);
    return !to.full;
}

/* The answer's own fields, for who gives it to the client, and its body. */
static void put_fields(struct decide_listener *d, const struct answer *a)
{
    const struct decide_answer *answer = &a->decision.answer;
    struct str encoded;
    put_number(d, STR("X-Archeio-Status"), answer->status, d->status);
    if (answer->location.len > 0)
        put_field(d, STR("X-Archeio-Location"), answer->location);
    if (answer->status == 405)
        put_field(d, STR("X-Archeio-Allow"), STR("GET, HEAD"));
    if (answer->step == DECIDE_R5)
        put_field(d, STR("X-Archeio-Docker-Distribution-Api-Version"), STR("registry/2.0"));
    if (a->retry_after > 0)
        put_number(d, STR("X-Archeio-Retry-After"), a->retry_after, d->retry_after);
    if (answer->body.len == 0)
        return;
    put_field(d, STR("X-Archeio-Content-Type"), decide_body_type(answer));
    if (encode(answer->body, d->encoded, &encoded))
        put_field(d, STR("X-Archeio-Body"), encoded);
}

static struct str reason_of(const struct answer *a)
{
    if (a->decision.answer.step != 0)
        return str_from(decide_step_text((enum decide_step)a->decision.answer.step));
    return a->retry_after > 0 ? STR("the client sends too many requests")
                              : STR("what was asked for is no request: a bad target or host");
}

/* What is empty is not known, or not there. */
static void put_member(struct buf *out, const char *name, struct str value)
{
    PUT(out, ",\"");
    buf_text(out, name);
    if (value.len == 0) {
        PUT(out, "\":null");
        return;
    }
    PUT(out, "\":\"");
    buf_json(out, value);
    PUT(out, "\"");
}

static void put_client(struct buf *out, const struct answer *a, const struct question *question)
{
    char text[ADDR_TEXT_MAX];
    bool known = a->client.family != ADDR_NONE;
    put_member(out, "client", known ? str_make(text, addr_format(&a->client, text)) : STR(""));
    if (!known && question->value[IP].len > 0)
        put_member(out, "warning", STR("ip is no IP address: the client is of unknown region"));
    else if (!known)
        put_member(out, "warning",
                   STR("neither ip nor X-Real-Ip is given: the client is of unknown region"));
}

/* By the names of `archeio explain --json`. */
static void put_json(struct buf *out, const struct worker *w, const struct answer *a,
                     const struct question *question)
{
    const struct snapshot *s = &w->generation->snapshot;
    const struct decide_answer *answer = &a->decision.answer;
    struct snapshot_network network = snapshot_network(s, answer->network);
    struct str step = STR(""), route = STR(""), store = STR("");
    if (answer->step != 0)
        step = str_from(decide_step_name((enum decide_step)answer->step));
    if (answer->route != DECIDE_NO_ROUTE)
        route = snapshot_route(s, answer->route).name;
    if (answer->store != DECIDE_NO_STORE)
        store = snapshot_store(s, answer->store).name;
    PUT(out, "{\"status\":");
    buf_u64(out, answer->status);
    put_member(out, "location", answer->location);
    put_member(out, "step", step);
    put_member(out, "reason", reason_of(a));
    put_member(out, "route", route);
    put_member(out, "store", store);
    put_member(out, "cache", str_from(access_format_cache(a->cache)));
    put_member(out, "cloud", network.cloud);
    put_member(out, "region", network.region);
    put_client(out, a, question);
    put_member(out, "body", answer->body);
    PUT(out, "}\n");
}

static enum answer_result show(struct worker *w, const struct question *question, struct answer *a)
{
    struct buf body = buf_make(w->decide->body, BODY_MAX);
    struct respond_page *page = begin_page(w, 200, STR("application/json"));
    put_fields(w->decide, a);
    put_json(&body, w, a, question);
    if (body.full || a->decision.answer.location.len > LOCATION_MAX)
        return refuse(w, a, 414, "the answer is too long to be told");
    page->body = str_make(body.data, body.len);
    a->page = page;
    return ANSWER_DONE;
}

/* ── /host ── */

static enum answer_result show_host(struct worker *w, struct answer *a)
{
    struct str authority = a->decision.answer.location;
    size_t scheme = str_find(authority, ':');
    if (scheme == authority.len)
        return refuse(w, a, 404, "this client is not redirected: ask /decide what it is answered");
    struct respond_page *page = begin_page(w, 200, STR("text/plain"));
    authority = str_skip(authority, scheme + sizeof("://") - 1);
    authority.len = str_find(authority, '/');
    page->body = authority;
    a->page = page;
    return ANSWER_DONE;
}

/* ── All ── */

/* What is no request is answered as it would be on another listener. 0: it is one. */
static uint16_t status_of(const struct question *question, struct str *authority)
{
    struct str target = question->value[PATH];
    if (target.len > HTTP_TARGET_MAX)
        return 414;
    if (!http_target_valid(target) || !http_target_form_valid(question->value[METHOD], target))
        return 400;
    *authority = question->value[HOST];
    http_target_authority(target, authority);
    return authority->len == 0 || authority_valid(*authority) ? 0 : 400;
}

static struct addr client_of(struct worker *w, const struct answer_inquiry *q, struct str text)
{
    struct addr client = {.family = ADDR_NONE};
    if (!addr_parse(text, &client) && !q->asked)
        counters_add(&w->counters.client_failures, 1);
    return client;
}

static enum answer_result decide(struct worker *w, struct answer_inquiry *q,
                                 const struct http_request *r, const struct question *question,
                                 struct answer *a)
{
    struct decide_listener *d = w->decide;
    struct decide_request request = {
        .method = http_request_method(question->value[METHOD]),
        .target = question->value[PATH],
        .headers = r->wanted_id == w->generation->asked.id ? r->wanted + PARAMETERS : NULL,
        .buffer = d->location,
        .size = sizeof(d->location),
    };
    uint16_t status = status_of(question, &request.host);
    if (DECIDE_BUFFER_SIZE(&w->generation->snapshot, request.target.len) > request.size)
        status = 414;
    a->client = client_of(w, q, question->value[IP]);
    if (status == 0)
        return answer_decide_request(w, q, &request, a);
    a->decision.answer = no_decision(status);
    return ANSWER_DONE;
}

/* The target of a question, absolute-form or not, in two. */
static void split(struct str target, struct str *path, struct str *query)
{
    struct str authority;
    if (http_target_authority(target, &authority))
        target = str_skip(target, (size_t)(authority.data + authority.len - target.data));
    size_t mark = str_find(target, '?');
    *path = str_make(target.data, mark);
    *query = str_skip(target, mark < target.len ? mark + 1 : mark);
}

enum answer_result decide_listener_answer(struct worker *w, struct answer_inquiry *q,
                                          const struct http_request *r, struct answer *a)
{
    struct question question = {0};
    struct str path, query;
    answer_begin(a);
    a->subject = (struct answer_subject){r->method_text, r->host, r->target};
    a->client = *q->peer;
    split(r->target, &path, &query);
    bool host = str_eq(path, STR("/host")) || str_eq(path, STR("/"));
    if (!host && !str_eq(path, STR("/decide")))
        return refuse(w, a, 404, "there is nothing here but /decide and /host");
    if (r->method == DECIDE_OTHER)
        return refuse(w, a, 405, "a question is asked with GET");
    const char *why = read_question(w, r, query, &question);
    if (why != NULL)
        return refuse(w, a, 400, why);
    if (host)
        question.value[PATH] = STR(HOST_TARGET);
    else
        a->subject = (struct answer_subject){question.value[METHOD], question.value[HOST],
                                             question.value[PATH]};
    if (question.value[PATH].len == 0)
        return refuse(w, a, 400,
                      "no path: expected /decide?path=/v2/..., percent-encoded, or the "
                      "field X-Original-Uri");
    if (decide(w, q, r, &question, a) == ANSWER_WAIT)
        return ANSWER_WAIT;
    return host ? show_host(w, a) : show(w, &question, a);
}
