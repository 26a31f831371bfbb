/*
 * Asks an existence cache as a worker does, and waits.
 */
#ifndef TESTS_UNIT_EXIST_QUESTIONS_H
#define TESTS_UNIT_EXIST_QUESTIONS_H

#include "exist/exist.h"

#include "httpd.h"
#include "sys/clock.h"

#include "check.h"

#include <poll.h>

#define QUESTIONS_OPTIONS                                                                          \
    ((struct exist_options){.workers = 1,                                                          \
                            .present_ttl = 3600 * CLOCK_S,                                         \
                            .absent_ttl = 60 * CLOCK_S,                                            \
                            .error_ttl = 5 * CLOCK_S,                                              \
                            .memory = 1 << 20,                                                     \
                            .head_timeout = 5 * CLOCK_S,                                           \
                            .store_requests = 64,                                                  \
                            .queue = 8192})

/* Digest number n: its hex begins with the number's bytes, so that a stand-in can tell it. */
static inline struct digest questions_digest(uint64_t n)
{
    struct digest d = {.algorithm = DIGEST_SHA256, .size = 32};
    memcpy(d.bytes, &n, sizeof(n));
    d.bytes[31] = 1;
    return d;
}

/* The number of the digest that ends a path. */
static inline uint64_t questions_number(const char *path)
{
    struct digest d;
    uint64_t n;
    const char *text = strrchr(path, '/') + 1;
    if (digest_parse(str_from(text), &d) != DIGEST_OK)
        return UINT64_MAX;
    memcpy(&n, d.bytes, sizeof(n));
    return n;
}

static inline struct exist *questions_new(const struct exist_options *options)
{
    const char *why = NULL;
    struct exist *e = exist_new(options, &why);
    if (e == NULL)
        fail_msg("exist_new: %s", why);
    return e;
}

static inline uint32_t questions_store(struct exist *e, const struct httpd *server)
{
    char url[128];
    snprintf(url, sizeof(url), "%s/containers/images/", server->url);
    return exist_store(e, str_from(url));
}

static inline enum exist_state questions_lookup(struct exist *e, uint32_t store, uint64_t n)
{
    const struct digest d = questions_digest(n);
    return exist_lookup(e, 0, store, &d, clock_coarse());
}

/* The next answer for a worker; NULL after that many milliseconds. */
static inline struct exist_waiter *questions_wait(struct exist *e, unsigned worker, int ms)
{
    int64_t end = clock_now() + ms * CLOCK_MS;
    struct exist_waiter *w = exist_collect(e, worker);
    while (w == NULL && clock_now() < end) {
        struct pollfd p = {.fd = exist_fd(e, worker), .events = POLLIN};
        poll(&p, 1, 20);
        w = exist_collect(e, worker);
    }
    return w;
}

/* The state that the next answer brings; EXIST_MISS if none comes. */
static inline enum exist_state questions_next(struct exist *e)
{
    const struct exist_waiter *w = questions_wait(e, 0, 10000);
    return w != NULL ? w->state : EXIST_MISS;
}

static inline enum exist_state questions_ask_digest(struct exist *e, uint32_t store,
                                                    const struct digest *d)
{
    struct exist_waiter w = {0};
    assert_true(exist_ask(e, 0, store, &(struct exist_object){.key = d}, &w));
    assert_ptr_equal(questions_wait(e, 0, 15000), &w);
    return w.state;
}

static inline enum exist_state questions_ask(struct exist *e, uint32_t store, uint64_t n)
{
    const struct digest d = questions_digest(n);
    return questions_ask_digest(e, store, &d);
}

static inline bool questions_is_down(struct exist *e, uint32_t store)
{
    struct exist_store_stats stats;
    exist_stats_store(e, store, &stats);
    return stats.down;
}

/* Waits until a store is down or up; the time that took in milliseconds, -1 if it never was. */
static inline int questions_wait_down(struct exist *e, uint32_t store, bool down, int ms)
{
    int64_t began = clock_now();
    while (questions_is_down(e, store) != down) {
        if (clock_now() - began > ms * CLOCK_MS)
            return -1;
        usleep(2000);
    }
    return (int)((clock_now() - began) / CLOCK_MS);
}

#endif
