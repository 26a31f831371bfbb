/*
 * A host for the filter, as far as it uses one: what Envoy does behind the ABI, with a clock that
 * stands still until a test moves it. What it hands over is freed when the next callback begins, so
 * that a sanitizer sees who reads it later, or past its end.
 */
#ifndef TESTS_UNIT_ENVOY_HOST_H
#define TESTS_UNIT_ENVOY_HOST_H

#include "check.h"

#include "abi.h"
#include "memory.h"
#include "pages.h"
#include "pairs.h"
#include "proxy.h"

#include <stdlib.h>

#define HOST_ROOT 1U
#define HOST_MAX 4096 /* of everything */
#define HOST_S INT64_C(1000000000)

struct host_call {
    bool open;
    char cluster[64];
    char url[1024]; /* scheme, authority and path in one */
    char method[8];
    uint32_t timeout;
};

struct host_answer {
    uint32_t status; /* 0: none was sent */
    char details[128];
    char location[1024];
    char fields[1024]; /* "name: value\n" of all */
    char body[256];
};

struct host_request {
    bool alive;
    struct pairs_field field[8];
    uint32_t n;
    struct host_answer answer;
};

static struct host {
    int64_t now;
    uint32_t tick; /* milliseconds; 0: off */
    uint32_t context;
    struct str configuration;
    const char *source; /* address of the peer */
    struct host_request request[HOST_MAX];
    uint32_t n_requests; /* context of the i-th: HOST_ROOT + 1 + i */
    struct host_call call[HOST_MAX];
    uint32_t n_calls; /* token of the i-th: i + 1 */
    bool refuse_calls;
    const char *call_status;
    struct {
        char key[32];
        size_t key_size;
        char *data;
        size_t size;
        uint32_t cas;
    } shared[HOST_MAX];
    uint32_t n_shared;
    uint32_t cas;
    unsigned n_gets;     /* of shared data */
    unsigned mismatches; /* so many changes are still to fail, as if another thread were faster */
    struct {
        char name[64];
        int64_t value;
    } metric[32];
    uint32_t n_metrics;
    char log[1024]; /* the last line */
    void *given[4 * HOST_MAX];
    unsigned n_given;
    void *page[HOST_MAX];
    unsigned n_pages;
    size_t memory; /* bytes of pages */
} host;

/* ── What the filter calls ── */

static void give(const void *data, size_t size, char **out, size_t *out_size)
{
    assert_true(host.n_given < 4 * HOST_MAX);
    *out = host.given[host.n_given++] = malloc(size);
    if (size > 0)
        memcpy(*out, data, size);
    *out_size = size;
}

void *pages_grow(size_t size)
{
    assert_true(host.n_pages < HOST_MAX);
    host.memory += size;
    host.page[host.n_pages] = aligned_alloc(64, (size + 63) / 64 * 64);
    memset(host.page[host.n_pages], 0, size);
    return host.page[host.n_pages++];
}

uint32_t abi_log(uint32_t level, const char *text, size_t size)
{
    (void)level;
    snprintf(host.log, sizeof(host.log), "%.*s", (int)size, text);
    return ABI_OK;
}

uint32_t abi_clock(uint32_t clock, uint64_t precision, uint64_t *ns)
{
    (void)precision;
    assert_int_equal(clock, ABI_MONOTONIC);
    *ns = (uint64_t)host.now;
    return ABI_OK;
}

uint32_t abi_random(void *out, size_t size)
{
    memset(out, 7, size);
    return ABI_OK;
}

uint32_t abi_set_tick(uint32_t milliseconds)
{
    host.tick = milliseconds;
    return ABI_OK;
}

static struct host_request *request_of(uint32_t context)
{
    uint32_t i = context - HOST_ROOT - 1;
    return context > HOST_ROOT && i < host.n_requests && host.request[i].alive ? &host.request[i]
                                                                               : NULL;
}

uint32_t abi_set_context(uint32_t context)
{
    if (context != HOST_ROOT && request_of(context) == NULL)
        return 2;
    host.context = context;
    return ABI_OK;
}

uint32_t abi_get_buffer(uint32_t buffer, size_t start, size_t max, char **data, size_t *size)
{
    assert_int_equal(buffer, ABI_PLUGIN_CONFIGURATION);
    assert_true(start == 0 && max == host.configuration.len);
    give(host.configuration.data, host.configuration.len, data, size);
    return ABI_OK;
}

uint32_t abi_get_property(const char *path, size_t path_size, char **data, size_t *size)
{
    assert_memory_equal(path, "source\0address", path_size);
    if (host.source == NULL)
        return ABI_NOT_FOUND;
    give(host.source, strlen(host.source), data, size);
    return ABI_OK;
}

uint32_t abi_get_pairs(uint32_t map, char **data, size_t *size)
{
    assert_int_equal(map, ABI_REQUEST_HEADERS);
    struct host_request *r = request_of(host.context);
    assert_non_null(r);
    struct str pairs = pairs_write(r->field, r->n);
    give(pairs.data, pairs.len, data, size);
    return ABI_OK;
}

uint32_t abi_get_value(uint32_t map, const char *key, size_t key_size, char **data, size_t *size)
{
    assert_int_equal(map, ABI_CALL_RESPONSE_HEADERS);
    check_str(str_make(key, key_size), ":status");
    give(host.call_status, strlen(host.call_status), data, size);
    return ABI_OK;
}

uint32_t abi_send_response(uint32_t status, const char *details, size_t details_size,
                           const char *body, size_t body_size, const char *pairs, size_t pairs_size,
                           uint32_t grpc_status)
{
    struct host_request *r = request_of(host.context);
    struct str key, value;
    assert_int_equal(grpc_status, ABI_NO_GRPC_STATUS);
    assert_non_null(r);
    assert_int_equal(r->answer.status, 0);
    struct host_answer *a = &r->answer;
    a->status = status;
    snprintf(a->details, sizeof(a->details), "%.*s", (int)details_size, details);
    snprintf(a->body, sizeof(a->body), "%.*s", (int)body_size, body_size > 0 ? body : "");
    size_t len = 0;
    for (struct pairs p = pairs_read(str_make(pairs, pairs_size)); pairs_next(&p, &key, &value);) {
        if (str_eq(key, STR("location")))
            snprintf(a->location, sizeof(a->location), "%.*s", (int)value.len, value.data);
        len += (size_t)snprintf(a->fields + len, sizeof(a->fields) - len, "%.*s: %.*s\n",
                                (int)key.len, key.data, (int)value.len, value.data);
    }
    return ABI_OK;
}

uint32_t abi_call(const char *cluster, size_t cluster_size, const char *pairs, size_t pairs_size,
                  const char *body, size_t body_size, const char *trailers, size_t trailers_size,
                  uint32_t milliseconds, uint32_t *token)
{
    struct str key, value, method = {0}, scheme = {0}, authority = {0}, path = {0};
    assert_true(body == NULL && trailers == NULL && body_size == 0 && trailers_size == 0);
    if (host.refuse_calls)
        return 2;
    assert_true(host.n_calls < HOST_MAX);
    struct host_call *call = &host.call[host.n_calls++];
    for (struct pairs p = pairs_read(str_make(pairs, pairs_size)); pairs_next(&p, &key, &value);) {
        method = str_eq(key, STR(":method")) ? value : method;
        scheme = str_eq(key, STR(":scheme")) ? value : scheme;
        authority = str_eq(key, STR(":authority")) ? value : authority;
        path = str_eq(key, STR(":path")) ? value : path;
    }
    *call = (struct host_call){.open = true, .timeout = milliseconds};
    snprintf(call->cluster, sizeof(call->cluster), "%.*s", (int)cluster_size, cluster);
    snprintf(call->method, sizeof(call->method), "%.*s", (int)method.len, method.data);
    snprintf(call->url, sizeof(call->url), "%.*s://%.*s%.*s", (int)scheme.len, scheme.data,
             (int)authority.len, authority.data, (int)path.len, path.data);
    *token = host.n_calls;
    return ABI_OK;
}

static uint32_t shared_of(const char *key, size_t size)
{
    for (uint32_t i = 0; i < host.n_shared; i++)
        if (host.shared[i].key_size == size && memcmp(host.shared[i].key, key, size) == 0)
            return i;
    return host.n_shared;
}

uint32_t abi_get_shared(const char *key, size_t key_size, char **data, size_t *size, uint32_t *cas)
{
    uint32_t i = shared_of(key, key_size);
    host.n_gets++;
    if (i == host.n_shared)
        return ABI_NOT_FOUND;
    give(host.shared[i].data, host.shared[i].size, data, size);
    *cas = host.shared[i].cas;
    return ABI_OK;
}

uint32_t abi_set_shared(const char *key, size_t key_size, const char *data, size_t size,
                        uint32_t cas)
{
    uint32_t i = shared_of(key, key_size);
    assert_true(i < HOST_MAX && key_size <= sizeof(host.shared[i].key));
    if (cas != 0 && (host.mismatches > 0 || host.shared[i].cas != cas)) {
        host.mismatches -= host.mismatches > 0;
        return ABI_CAS_MISMATCH;
    }
    if (i == host.n_shared)
        host.n_shared++;
    memcpy(host.shared[i].key, key, key_size);
    host.shared[i].key_size = key_size;
    free(host.shared[i].data);
    host.shared[i].data = malloc(size);
    memcpy(host.shared[i].data, data, size);
    host.shared[i].size = size;
    host.shared[i].cas = ++host.cas;
    return ABI_OK;
}

uint32_t abi_define_metric(uint32_t type, const char *name, size_t size, uint32_t *id)
{
    char text[64];
    assert_int_equal(type, ABI_COUNTER);
    snprintf(text, sizeof(text), "%.*s", (int)size, name);
    for (*id = 0; *id < host.n_metrics; ++*id)
        if (strcmp(host.metric[*id].name, text) == 0)
            return ABI_OK;
    assert_true(host.n_metrics < 32);
    memcpy(host.metric[host.n_metrics++].name, text, sizeof(text));
    return ABI_OK;
}

uint32_t abi_increment_metric(uint32_t id, int64_t by)
{
    assert_true(id < host.n_metrics);
    host.metric[id].value += by;
    return ABI_OK;
}

/* ── What calls the filter ── */

static void host_enter(uint32_t context)
{
    while (host.n_given > 0)
        free(host.given[--host.n_given]);
    host.context = context;
}

/* A new process; all zero but for the time. */
static inline void host_reset(void)
{
    host_enter(HOST_ROOT);
    for (uint32_t i = 0; i < host.n_shared; i++)
        free(host.shared[i].data);
    for (uint32_t i = 0; i < host.n_requests; i++)
        if (host.request[i].alive) {
            host.request[i].alive = false;
            proxy_on_delete(HOST_ROOT + 1 + i);
        }
    proxy_on_delete(HOST_ROOT);
    unsigned n_pages = host.n_pages;
    size_t memory = host.memory;
    void *page[HOST_MAX];
    memcpy(page, host.page, sizeof(page));
    memset(&host, 0, sizeof(host));
    memcpy(host.page, page, sizeof(page));
    host.n_pages = n_pages; /* the filter keeps what it has */
    host.memory = memory;
    host.now = 1000 * HOST_S;
    host.source = "127.0.0.1:1234";
}

static inline bool host_configure(const char *text, size_t size)
{
    host.configuration = str_make(text, size);
    host_enter(HOST_ROOT);
    proxy_on_context_create(HOST_ROOT, 0);
    return proxy_on_configure(HOST_ROOT, size) != 0;
}

/* A request; its context. The strings must live on. */
static inline uint32_t host_request(const struct pairs_field *field, uint32_t n, uint32_t *action)
{
    assert_true(host.n_requests < HOST_MAX && n <= 8);
    struct host_request *r = &host.request[host.n_requests++];
    uint32_t context = HOST_ROOT + host.n_requests;
    *r = (struct host_request){.alive = true, .n = n};
    memcpy(r->field, field, n * sizeof(*field));
    host_enter(context);
    proxy_on_context_create(context, HOST_ROOT);
    host_enter(context);
    *action = proxy_on_request_headers(context, n, 1);
    return context;
}

static inline const struct host_answer *host_answer(uint32_t context)
{
    return &host.request[context - HOST_ROOT - 1].answer;
}

static inline void host_end(uint32_t context)
{
    host.request[context - HOST_ROOT - 1].alive = false;
    host_enter(context);
    proxy_on_delete(context);
}

/* The i-th call has this answer; NULL: none came. */
static inline void host_respond(uint32_t i, const char *status)
{
    assert_true(i < host.n_calls && host.call[i].open);
    host.call[i].open = false;
    host.call_status = status;
    host_enter(HOST_ROOT);
    proxy_on_http_call_response(HOST_ROOT, i + 1, status != NULL ? 1 : 0, 0, 0);
}

/* Time passes, with every tick that falls into it. Calls whose time is over stay open: tests end
 * them. */
static inline void host_pass(int64_t ns)
{
    for (int64_t end = host.now + ns; host.now < end;) {
        int64_t step = host.tick > 0 ? host.tick * INT64_C(1000000) : end - host.now;
        host.now += step < end - host.now ? step : end - host.now;
        if (host.tick == 0)
            continue;
        host_enter(HOST_ROOT);
        proxy_on_tick(HOST_ROOT);
    }
}

static inline int64_t host_counter(const char *name)
{
    for (uint32_t i = 0; i < host.n_metrics; i++)
        if (strcmp(host.metric[i].name, name) == 0)
            return host.metric[i].value;
    fail_msg("no counter %s", name);
    return 0;
}

#endif
