#include "server/ratelimit.h"

#include "sys/memory.h"

#include <assert.h>
#include <stdint.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define WAYS 4
#define SECOND INT64_C(1000000000)
#define HOUR (3600 * SECOND)
#define RATE_MAX (UINT64_C(3600) * 1000000)
#define BURST_MAX 1000000

__extension__ typedef unsigned __int128 whole;

/* Who, and until when in nanoseconds with a kind of address in the two lowest bits: 0 is nobody.
 * The longest window, 3.6e18, fits into the 62 bits that are left. */
union entry {
    whole whole;
    struct {
        uint64_t key;
        uint64_t until;
    } part;
};

enum { KIND_V4 = 1, KIND_V6 = 2, KIND_BITS = 2 };

struct ratelimit_set {
    _Alignas(64) union entry entry[WAYS];
};

struct ratelimit_rules ratelimit_rules(uint64_t rate, uint32_t burst, const struct lpm *exempt)
{
    assert(rate >= 1 && rate <= RATE_MAX && burst >= 1 && burst <= BURST_MAX);
    int64_t interval = HOUR / (int64_t)rate;
    return (struct ratelimit_rules){interval, interval * burst, exempt};
}

bool ratelimit_open(struct ratelimit *r, uint64_t memory)
{
    *r = (struct ratelimit){.n_sets = memory / sizeof(struct ratelimit_set)};
    if (r->n_sets == 0)
        r->n_sets = 1;
    r->sets = memory_reserve(r->n_sets * sizeof(struct ratelimit_set));
    if (r->sets == NULL)
        return false;
    return getrandom(&r->seed, sizeof(r->seed), 0) == (ssize_t)sizeof(r->seed);
}

void ratelimit_close(struct ratelimit *r)
{
    memory_release(r->sets, r->n_sets * sizeof(struct ratelimit_set));
    *r = (struct ratelimit){0};
}

/* ── Entries ── */

/* The halves of one moment: with the key of one client and the time of another, a thread could miss
 * its client and give it a second entry. The compare-and-swap that follows finds out the rest. */
static union entry look(const union entry *at)
{
    union entry seen;
    uint64_t until = __atomic_load_n(&at->part.until, __ATOMIC_ACQUIRE);
    do {
        seen.part.until = until;
        seen.part.key = __atomic_load_n(&at->part.key, __ATOMIC_ACQUIRE);
        until = __atomic_load_n(&at->part.until, __ATOMIC_ACQUIRE);
    } while (until != seen.part.until);
    return seen;
}

static union entry make(uint64_t key, unsigned kind, int64_t until)
{
    union entry e;
    e.part.key = key;
    e.part.until = (uint64_t)until << KIND_BITS | kind;
    return e;
}

static int64_t until_of(union entry e)
{
    return (int64_t)(e.part.until >> KIND_BITS);
}

static bool is_of(union entry e, uint64_t key, unsigned kind)
{
    return e.part.key == key && (e.part.until & ((1U << KIND_BITS) - 1)) == kind;
}

/* The entry of the client, else the one whose time passes first: every thread that looks at the
 * same set takes the same one, so a new client does not get two. */
static union entry *choose(struct ratelimit_set *set, uint64_t key, unsigned kind,
                           union entry *seen)
{
    union entry *first = &set->entry[0];
    *seen = look(first);
    for (unsigned i = 1; i < WAYS && !is_of(*seen, key, kind); i++) {
        union entry e = look(&set->entry[i]);
        if (!is_of(e, key, kind) && until_of(e) >= until_of(*seen))
            continue;
        first = &set->entry[i];
        *seen = e;
    }
    return first;
}

/* ── Taking ── */

struct taken {
    int64_t until; /* what the client's time becomes */
    int64_t wait;  /* 0: allowed */
};

/* until lies further ahead than the window where the rules have become tighter: such a client is at
 * its limit now. A little further ahead is only another worker's clock, and what that wrote must
 * stay, or two workers would allow more by turns. */
static struct taken take(const struct ratelimit_rules *rules, int64_t until, int64_t now)
{
    if (until < now)
        until = now;
    if (until - now > rules->window + SECOND)
        until = now + rules->window;
    int64_t wait = until - now + rules->interval - rules->window;
    if (wait > 0)
        return (struct taken){until, wait};
    return (struct taken){until + rules->interval, 0};
}

static uint32_t take_one(struct ratelimit *r, const struct ratelimit_rules *rules, uint64_t key,
                         unsigned kind, int64_t now)
{
    uint64_t hash = XXH3_64bits_withSeed(&key, sizeof(key), r->seed + kind);
    struct ratelimit_set *set = &r->sets[(uint64_t)((whole)hash * r->n_sets >> 64)];
    for (;;) {
        union entry seen, *at = choose(set, key, kind, &seen);
        bool mine = is_of(seen, key, kind);
        struct taken taken = take(rules, mine ? until_of(seen) : now, now);
        union entry next = make(key, kind, taken.until);
        /* A refusal, too: it shows that what was seen was one entry, and still is. */
        if (!__sync_bool_compare_and_swap(&at->whole, seen.whole, next.whole))
            continue;
        if (!mine && until_of(seen) > now)
            atomic_fetch_add_explicit(&r->forgotten, 1, memory_order_relaxed);
        return (uint32_t)((taken.wait + SECOND - 1) / SECOND);
    }
}

uint32_t ratelimit_take(struct ratelimit *r, const struct ratelimit_rules *rules,
                        const struct addr *client, int64_t now)
{
    uint64_t key = 0;
    if (client->family == ADDR_NONE ||
        (rules->exempt != NULL && lpm_lookup(rules->exempt, client) != LPM_NONE))
        return 0;
    bool v4 = client->family == ADDR_V4;
    memcpy(&key, client->bytes, v4 ? 4 : 8);
    return take_one(r, rules, key, v4 ? KIND_V4 : KIND_V6, now);
}
