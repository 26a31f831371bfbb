#include "mirror/inventory.h"

#include "mirror/retry.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX 512
#define PAGE 1000 /* keys: what S3 says at once */
#define DIGITS_MAX 6

/* One listing. Of a store that lists by prefixes it ends after a page, and if there may be more,
 * 16 others take its place, each with one more digit of the digests: those are spread evenly, so
 * all listings stay short, and they run at the same time. */
struct listing {
    struct crew_task task;
    struct inventory *inventory;
    unsigned store;
    unsigned attempts;
    bool records;
    bool parted;
    unsigned digits;
    size_t seen;
    size_t before; /* bytes of a key before the digest */
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
    l->digits = digits;
    l->seen = 0;
    l->attempts = 0;
    crew_add(l->inventory->crew, l->inventory->queue, &l->task);
    return true;
}

/* The algorithms first, then digit after digit. */
static bool part(const struct listing *l)
{
    static const char digits[] = "0123456789abcdef";
    if (l->prefix[l->before] == '\0')
        return add(l, "sha256:", 0) && add(l, "sha512:", 0);
    for (size_t i = 0; i < 16; i++)
        if (!add(l, (char[]){digits[i], '\0'}, l->digits + 1))
            return false;
    return true;
}

/* Keys that are no digests are somebody else's. */
static bool take(void *owner, struct str key, int64_t size)
{
    struct listing *l = owner;
    struct digest d;
    if (key.len > l->before && digest_parse(str_skip(key, l->before), &d) == DIGEST_OK) {
        if (l->records)
            catalog_recorded(l->inventory->catalog, &d, l->store);
        else
            catalog_listed(l->inventory->catalog, &d, l->store, size);
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
    result->throttled = out->throttled;
    if (out->result != STORE_RETRY || ++l->attempts >= RETRY_ATTEMPTS) {
        give_up(l, out->error);
        return false;
    }
    report_retry(l->inventory->report);
    result->verdict = CREW_AGAIN;
    result->after = retry_delay(l->attempts, out->after, (uint64_t)clock_now());
    l->seen = 0;
    return true;
}

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    struct listing *l = (struct listing *)(void *)task;
    struct inventory *v = l->inventory;
    struct store_outcome out = {.result = STORE_OK};
    bool known = !(atomic_load(&v->failed) >> l->store & 1);
    if (known)
        store_list(v->store[l->store], client, str_from(l->prefix), take, l, &out);
    if (out.result != STORE_OK && out.result != STORE_MISSING) {
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
