#include "mirror/records.h"

#include "mirror/retry.h"
#include "sys/clock.h"

#include <stdio.h>
#include <stdlib.h>

#define KEY_MAX 512
#define RECORD "{}\n"

struct record {
    struct crew_task task;
    struct records *records;
    unsigned store;
    unsigned attempts;
    struct digest manifest;
};

static struct str key_of(const struct record *t, char out[KEY_MAX])
{
    char text[DIGEST_TEXT_MAX];
    int len = (int)digest_format(&t->manifest, text);
    int n = snprintf(out, KEY_MAX, "%s%.*s", t->records->prefix, len, text);
    return str_make(out, n > 0 && n < KEY_MAX ? (size_t)n : 0);
}

/* Whether it is tried again; otherwise a failure has been reported. */
static bool again(struct record *t, const struct store_outcome *out, const char *key,
                  struct crew_result *result)
{
    if (out->result != STORE_RETRY || ++t->attempts >= RETRY_ATTEMPTS) {
        report_failure(t->records->report, key, out->error);
        return false;
    }
    report_retry(t->records->report);
    result->verdict = CREW_AGAIN;
    result->after = retry_delay(t->attempts, out->after, (uint64_t)clock_now());
    return true;
}

static void run(struct crew_task *task, struct exchange_client *client, struct crew_result *result)
{
    struct record *t = (struct record *)(void *)task;
    struct records *r = t->records;
    struct store_outcome out;
    char key[KEY_MAX];
    store_set(r->store[t->store], client, key_of(t, key), STR(RECORD), false, &out);
    bool fine = out.result == STORE_OK || out.result == STORE_THERE;
    if (fine || out.throttled)
        crew_answer(result, r->server + t->store, out.throttled, out.delay);
    if (fine || !again(t, &out, key, result))
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
