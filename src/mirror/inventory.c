#include "mirror/inventory.h"

#include "mirror/attempt.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX 512
#define PAGE 1000 /* keys: what S3 says at once */
#define DIGITS_MAX 6
#define REACH 4 /* digits */
#define REACHES (1U << 4 * REACH)

/* One listing. Of a store that lists by prefixes it ends after a page, and if there may be more, 16
 * or 256 others take its place, each with one or two more digits of the digests: those are spread
 * evenly, so all listings stay short, and they run at the same time. */
struct listing {
    struct crew_task task;
    struct inventory *inventory;
    unsigned store;
    unsigned attempts;
    bool records;
    bool parted;
    unsigned digits;
    size_t seen;
    size_t before;  /* bytes of a key before the digest */
    unsigned reach; /* of the last key, which is the greatest: the digits behind the prefix */
    char prefix[KEY_MAX];
};

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result);

static bool add(const struct listing *like, const char *more, unsigned digits)
{
    struct listing *l = malloc(sizeof(*l));
    if (l == NULL)
        return false;
    *l = *like;
    size_t n = strlen(l->prefix);
    snprintf(l->prefix + n, sizeof(l->prefix) - n, "%s", more);
    l->task = (struct crew_task){.run = run};
    l->task.servers = UINT32_C(1) << (l->inventory->server + l->store);
    l->digits = digits;
    l->seen = 0;
    l->reach = 0;
    l->attempts = 0;
    crew_add(l->inventory->crew, l->inventory->queue, &l->task);
    return true;
}

/* A listing of everything has come to the algorithm that is sorted first. */
static const char *algorithm_of(const struct listing *l)
{
    return l->prefix[l->before] == '\0' ? "sha256:" : "";
}

/* How far a page has come tells how many there are. */
static unsigned more_digits(const struct listing *l)
{
    return (uint64_t)PAGE * REACHES / (l->reach + 1) > UINT64_C(12) * PAGE ? 2 : 1;
}

static bool part(const struct listing *l)
{
    const char *algorithm = algorithm_of(l);
    unsigned digits = more_digits(l);
    for (unsigned i = 0; i < 1U << 4 * digits; i++) {
        char more[16];
        snprintf(more, sizeof(more), "%s%0*x", algorithm, (int)digits, i);
        if (!add(l, more, l->digits + digits))
            return false;
    }
    return algorithm[0] == '\0' || add(l, "sha512:", 0);
}

static unsigned read_reach(const struct listing *l, struct str key)
{
    char digits[REACH + 1] = "";
    struct str rest = str_skip(key, strlen(l->prefix) + strlen(algorithm_of(l)));
    memcpy(digits, rest.data, rest.len < REACH ? rest.len : REACH);
    return (unsigned)strtoul(digits, NULL, 16);
}

/* Keys that are no digests are somebody else's. */
static bool take(void *owner, struct str key, int64_t size)
{
    struct listing *l = owner;
    struct digest d;
    if (key.len > l->before && digest_parse(str_skip(key, l->before), &d) == DIGEST_OK) {
        if (l->inventory->catalog == NULL)
            l->inventory->listed(l->inventory->owner, &d);
        else if (l->records)
            catalog_recorded(l->inventory->catalog, &d, l->store);
        else
            catalog_listed(l->inventory->catalog, &d, l->store, size);
        if (l->parted)
            l->reach = read_reach(l, key);
    }
    l->seen++;
    return !l->parted || l->digits == DIGITS_MAX || l->seen < PAGE;
}

static void give_up(struct listing *l, const char *why)
{
    struct inventory *v = l->inventory;
    uint32_t bit = UINT32_C(1) << l->store;
    if (!(atomic_fetch_or(&v->failed, bit) & bit))
        report_failure(v->report, store_name(v->store[l->store]), why);
}

static bool again(struct listing *l, const struct store_outcome *out, struct crew_result *result)
{
    l->seen = 0;
    if (out->result == STORE_RETRY &&
        attempt_again(&l->attempts, out->after, out->error, l->inventory->report, result))
        return true;
    give_up(l, out->error);
    return false;
}

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    struct listing *l = (struct listing *)(void *)task;
    struct inventory *v = l->inventory;
    struct store_outcome out = {.result = STORE_OK};
    bool known = !(atomic_load(&v->failed) >> l->store & 1);
    if (known)
        store_list(v->store[l->store], client,
                   &(struct store_list){.prefix = str_from(l->prefix), .each = take, .owner = l},
                   &out);
    bool fine = out.result == STORE_OK || out.result == STORE_MISSING;
    if (known && (fine || out.throttled))
        crew_answer(result, v->server + l->store, out.throttled, 0);
    if (!fine) {
        if (again(l, &out, result))
            return;
    } else if (known && l->parted && l->digits < DIGITS_MAX && l->seen >= PAGE && !part(l)) {
        give_up(l, "out of memory");
    }
    free(l);
}

static bool begin(struct inventory *v, unsigned store, const char *prefix, bool records)
{
    struct listing like = {.inventory = v, .store = store, .records = records};
    like.before = strlen(prefix);
    like.parted = store_lists_by_prefix(v->store[store]);
    return add(&like, prefix, 0);
}

bool inventory_begin(struct inventory *v)
{
    for (unsigned i = 0; i < v->n_stores; i++)
        if (!begin(v, i, v->blobs, false) ||
            (v->records[0] != '\0' && !begin(v, i, v->records, true)))
            return false;
    return true;
}

bool inventory_drop(struct crew_task *task)
{
    if (task->run != run)
        return false;
    free(task);
    return true;
}
