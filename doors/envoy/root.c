#include "root.h"

#include "clock.h"
#include "existence.h"
#include "inserted.h"
#include "log.h"
#include "memory.h"
#include "request.h"

#define TICK_MS 100

enum { KEPT_CONFIGURATION, KEPT_PROXIES, KEPT_HEALTH };

static struct root *roots;

struct root *root_find(uint32_t context)
{
    for (struct root *r = roots; r != NULL; r = r->next)
        if (r->context == context)
            return r;
    return NULL;
}

static void release(struct root *r)
{
    for (size_t i = 0; i < sizeof(r->kept) / sizeof(r->kept[0]); i++)
        memory_release(r->kept[i]);
    memory_release(r);
}

/* A root, or a request that waited with one of them. */
void root_delete(uint32_t context)
{
    for (struct root **link = &roots; *link != NULL; link = &(*link)->next) {
        struct root *r = *link;
        if (r->context == context) {
            *link = r->next;
            release(r);
            return;
        }
        waiters_drop(&r->waiters, context);
    }
}

static void *keep(struct root *r, int which, size_t size)
{
    r->kept[which] = memory_keep(size);
    if (r->kept[which] == NULL)
        LOG(ABI_ERROR, STR("out of memory"));
    return r->kept[which];
}

static bool build_proxies(struct root *r)
{
    const struct settings *s = &r->settings;
    size_t scratch_size = lpm_scratch_size(s->n_proxies);
    void *scratch = memory_take(scratch_size);
    void *image = keep(r, KEPT_PROXIES, lpm_image_bound(s->proxy, s->n_proxies));
    if (scratch == NULL || image == NULL)
        return false;
    size_t size = lpm_build(s->proxy, s->n_proxies, scratch, scratch_size, image);
    if (size == 0 || lpm_open(&r->proxies, image, size) != NULL)
        return false;
    r->rules = (struct client_rules){s->client, &r->proxies};
    return true;
}

/* NULL, or what is wrong with the snapshot. */
static const char *open_snapshot(struct root *r, struct str image)
{
    if (image.len == 0)
        return "there is none: neither in the module (`archeio compile --wasm`) nor in the "
               "configuration";
    const char *why = snapshot_open(&r->snapshot, image.data, image.len);
    if (why == NULL &&
        keep(r, KEPT_HEALTH, (r->snapshot.n_stores + 1) * sizeof(*r->health)) == NULL)
        why = "out of memory";
    r->health = r->kept[KEPT_HEALTH];
    r->usable = why == NULL;
    return why;
}

/* The configuration as the host gave it is gone after this callback: what is needed of it is
 * copied. */
static bool keep_strings(struct root *r, struct str *image)
{
    struct settings *s = &r->settings;
    size_t size = s->snapshot.len + s->clusters.len;
    char *memory = keep(r, KEPT_CONFIGURATION, size);
    if (memory == NULL)
        return false;
    if (s->snapshot.len > 0)
        memcpy(memory, s->snapshot.data, s->snapshot.len);
    memcpy(memory + s->snapshot.len, s->clusters.data, s->clusters.len);
    s->clusters.data = memory + s->snapshot.len;
    s->snapshot.data = memory;
    *image = s->snapshot.len > 0 ? s->snapshot : inserted_snapshot();
    return true;
}

static bool configure(struct root *r, struct str configuration)
{
    char why[SETTINGS_WHY_MAX];
    struct str image;
    if (!settings_read(configuration, &r->settings, why)) {
        LOG(ABI_ERROR, str_from(why));
        return false;
    }
    if (!keep_strings(r, &image) || !build_proxies(r))
        return false;
    r->counters = counters_open();
    r->slots = slots_open(r->settings.slots);
    const char *wrong = open_snapshot(r, image);
    if (wrong != NULL) {
        LOG(ABI_ERROR, STR("snapshot: "), str_from(wrong), STR("; all requests go to the route"));
        counters_add(&r->counters, COUNTERS_SNAPSHOT_REFUSED);
    }
    return true;
}

bool root_configure(uint32_t context, struct str configuration)
{
    root_delete(context);
    struct root *r = memory_keep(sizeof(*r));
    if (r == NULL) {
        LOG(ABI_ERROR, STR("out of memory"));
        return false;
    }
    r->context = context;
    if (!configure(r, configuration)) {
        release(r);
        return false;
    }
    r->next = roots;
    roots = r;
    return true;
}

/* ── The clock ── */

void root_start_ticking(struct root *r)
{
    if (r->ticking)
        return;
    r->ticking = true;
    abi_set_tick(TICK_MS);
}

void root_tick(struct root *r)
{
    int64_t now = clock_now();
    for (uint32_t n = waiters_give_up(&r->waiters, now); n > 0; n--)
        counters_add(&r->counters, COUNTERS_GAVE_UP);
    request_go_on(r);
    if (existence_tick(r, now) || r->waiters.n > 0)
        return;
    r->ticking = false;
    abi_set_tick(0);
}
