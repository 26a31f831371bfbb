#include "mirror/records.h"

#include "mirror/attempt.h"

#include <stdlib.h>

#define RECORD "{}\n"

struct record {
    struct crew_task task;
    struct records *records;
    unsigned store;
    unsigned attempts;
    struct digest manifest;
};

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    struct record *t = (struct record *)(void *)task;
    struct records *r = t->records;
    struct store_outcome out;
    char key[STORE_DIGEST_KEY_MAX];
    struct str at = store_digest_key(r->prefix, &t->manifest, key);
    store_set(r->store[t->store], client, &(struct store_set){at, STR(RECORD), false}, &out);
    bool fine = out.result == STORE_OK || out.result == STORE_THERE;
    if (fine || out.throttled)
        crew_answer(result, r->server + t->store, out.throttled, out.delay);
    if (fine || !attempt_store_again(&t->attempts, &out, key, r->report, result))
        free(t);
}

static void add(void *owner, const struct digest *manifest)
{
    struct records *r = owner;
    struct record *t = calloc(1, sizeof(*t));
    if (t == NULL)
        return;
    t->task.run = run;
    t->task.servers = UINT32_C(1) << (r->server + r->current);
    t->records = r;
    t->store = r->current;
    t->manifest = *manifest;
    crew_add(r->crew, r->queue, &t->task);
}

void records_begin(struct records *r)
{
    for (r->current = 0; r->current < r->n_stores; r->current++)
        if (!(r->without >> r->current & 1))
            catalog_each_unrecorded(r->catalog, r->current, add, r);
}
