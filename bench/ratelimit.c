/*
 * Measures the limit per client: nanoseconds per request of one client and of many (their entries
 * stay in the processor's caches, or do not), of clients that are refused, in a table that is full,
 * and of one client on two threads at once.
 */
#include "server/ratelimit.h"
#include "sys/clock.h"

#include <pthread.h>
#include <stdio.h>

enum { ROUNDS = 20, TAKES = 1 << 18 };

static const uint64_t MEMORY = 16 << 20;

struct run {
    struct ratelimit *limit;
    const struct ratelimit_rules *rules;
    uint32_t clients;
    int64_t step;      /* from one request to the next */
    uint64_t consumed; /* printed, so that no call can be left out */
};

static struct addr numbered(uint32_t n)
{
    uint8_t bytes[4];
    memcpy(bytes, &n, sizeof(bytes));
    return addr_from_v4(bytes);
}

static double best_of(struct run *run)
{
    int64_t best = INT64_MAX, now = clock_now();
    uint32_t n = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int64_t began = clock_now();
        for (int i = 0; i < TAKES; i++, now += run->step) {
            struct addr a = numbered(n);
            n = n + 1 < run->clients ? n + 1 : 0;
            run->consumed += ratelimit_take(run->limit, run->rules, &a, now);
        }
        int64_t took = clock_now() - began;
        best = took < best ? took : best;
    }
    return (double)best / TAKES;
}

static uint64_t measure(const char *what, uint64_t rate, uint32_t clients, uint64_t memory)
{
    struct ratelimit limit;
    struct ratelimit_rules rules = ratelimit_rules(rate, 100, NULL);
    if (!ratelimit_open(&limit, memory))
        return 0;
    struct run run = {&limit, &rules, clients, 1000, 0};
    printf("%-40s %6.1f ns\n", what, best_of(&run));
    ratelimit_close(&limit);
    return run.consumed;
}

static void *other(void *run)
{
    best_of(run);
    return NULL;
}

static uint64_t measure_shared(void)
{
    struct ratelimit limit;
    struct ratelimit_rules rules = ratelimit_rules(UINT64_C(3600) * 1000000, 100, NULL);
    pthread_t thread;
    if (!ratelimit_open(&limit, MEMORY))
        return 0;
    struct run mine = {&limit, &rules, 1, 1000, 0}, its = mine;
    if (pthread_create(&thread, NULL, other, &its) != 0)
        return 0;
    printf("%-40s %6.1f ns\n", "one client on two threads", best_of(&mine));
    pthread_join(thread, NULL);
    ratelimit_close(&limit);
    return mine.consumed + its.consumed;
}

int main(void)
{
    const uint64_t fast = UINT64_C(3600) * 1000000, slow = 3600;
    uint64_t consumed = measure("one client, allowed", fast, 1, MEMORY);
    consumed += measure("one client, refused", slow, 1, MEMORY);
    consumed += measure("1,000 clients, allowed", fast, 1000, MEMORY);
    consumed += measure("200,000 clients, allowed", fast, 200000, MEMORY);
    consumed += measure("200,000 clients, room for 4,096", slow, 200000, 1 << 16);
    consumed += measure_shared();
    printf("(%llu)\n", (unsigned long long)consumed);
    return 0;
}
