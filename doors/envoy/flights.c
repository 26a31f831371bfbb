#include "flights.h"

#include "abi.h"
#include "clock.h"
#include "pairs.h"

uint32_t flights_find(const struct flights *f, struct str url)
{
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        const struct flights_one *one = &f->one[i];
        if (one->token != 0 && flights_is_for_client(one->kind) && str_eq(flights_url(one), url))
            return i;
    }
    return FLIGHTS_NONE;
}

bool flights_have_room(const struct flights *f, uint32_t store)
{
    uint32_t same = 0, all = 0;
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++) {
        const struct flights_one *one = &f->one[i];
        all += one->token != 0;
        same += one->token != 0 && flights_is_for_client(one->kind) && one->store == store;
    }
    return same < FLIGHTS_PER_STORE && all < FLIGHTS_MAX;
}

static uint32_t free_place(const struct flights *f)
{
    for (uint32_t i = 0; i < FLIGHTS_MAX; i++)
        if (f->one[i].token == 0)
            return i;
    return FLIGHTS_NONE;
}

/* The parts of an absolute URL whose path is not empty. */
static void split(struct str url, struct str *scheme, struct str *authority, struct str *path)
{
    size_t colon = str_find(url, ':');
    *scheme = str_make(url.data, colon);
    struct str rest = str_skip(url, colon + sizeof("://") - 1);
    size_t slash = str_find(rest, '/');
    *authority = str_make(rest.data, slash);
    *path = str_skip(rest, slash);
}

static uint32_t call_host(const struct flights_call *call)
{
    struct pairs_field field[] = {{STR(":method"), STR("HEAD")},
                                  {STR(":scheme"), STR("")},
                                  {STR(":authority"), STR("")},
                                  {STR(":path"), STR("")},
                                  {STR("user-agent"), STR("archeio")}};
    split(call->url, &field[1].value, &field[2].value, &field[3].value);
    struct str pairs = pairs_write(field, sizeof(field) / sizeof(field[0]));
    uint32_t token = 0, timeout = (uint32_t)(call->timeout / CLOCK_MS);
    if (pairs.len == 0 || abi_call(call->cluster.data, call->cluster.len, pairs.data, pairs.len,
                                   NULL, 0, NULL, 0, timeout > 0 ? timeout : 1, &token) != ABI_OK)
        return 0;
    return token;
}

uint32_t flights_start(struct flights *f, const struct flights_call *call)
{
    uint32_t i = free_place(f);
    if (i == FLIGHTS_NONE || call->url.len > sizeof(f->one[i].url))
        return FLIGHTS_NONE;
    struct flights_one *one = &f->one[i];
    one->token = call_host(call);
    if (one->token == 0)
        return FLIGHTS_NONE;
    one->store = call->store;
    one->kind = call->kind;
    one->path = call->path;
    one->len = (uint16_t)call->url.len;
    memcpy(one->url, call->url.data, call->url.len);
    return i;
}

uint32_t flights_land(struct flights *f, uint32_t token, struct flights_one *ended)
{
    for (uint32_t i = 0; token != 0 && i < FLIGHTS_MAX; i++) {
        if (f->one[i].token != token)
            continue;
        *ended = f->one[i];
        f->one[i].token = 0;
        return i;
    }
    return FLIGHTS_NONE;
}

static bool is_one_of(struct str status, const struct str *list, size_t n)
{
    size_t i = 0;
    while (i < n && !str_eq(status, list[i]))
        i++;
    return i < n;
}

/* Whether the store finds fault with what it was asked for, not with who asks, or how often. */
static bool is_refused(struct str status)
{
    static const struct str other[] = {STR_INIT("401"), STR_INIT("407"), STR_INIT("408"),
                                       STR_INIT("421"), STR_INIT("425"), STR_INIT("429")};
    return str_starts(status, STR("4")) &&
           !is_one_of(status, other, sizeof(other) / sizeof(other[0]));
}

enum slots_state flights_judge(const struct flights_one *one, struct str status)
{
    if (str_eq(status, STR("200")))
        return SLOTS_PRESENT;
    if (str_eq(status, STR("404")) || str_eq(status, STR("403")) ||
        (one->path && is_refused(status)))
        return SLOTS_ABSENT;
    return SLOTS_ERROR;
}

/* Envoy says 503 or 504 itself where a store says nothing. */
bool flights_is_odd(const struct flights_one *one, struct str status)
{
    static const struct str silent[] = {STR_INIT(""), STR_INIT("502"), STR_INIT("503"),
                                        STR_INIT("504")};
    return one->path && !is_one_of(status, silent, sizeof(silent) / sizeof(silent[0]));
}
