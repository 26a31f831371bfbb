#include "cli/online.h"

#include "client/fetch.h"
#include "exist/index_load.h"
#include "sys/clock.h"
#include "sys/xalloc.h"
#include <stdlib.h>

#define TIMEOUT_MS 5000
#define BODY_MAX (1U << 20)

/* Nobody has a blob of this digest, and no repository is called so. */
#define BLOB "sha256:0000000000000000000000000000000000000000000000000000000000000000"
#define MANIFEST "archeio-check/manifests/latest"

/* The status of the answer to GET url; 0 and why if there is none. */
static long ask(const char *url, char why[256])
{
    struct fetch_request request = {
        .url = url,
        .timeout_ms = TIMEOUT_MS,
        .connect_timeout_ms = TIMEOUT_MS,
        .max_bytes = BODY_MAX,
    };
    struct fetch_response response = {0};
    long status = fetch_get(&request, &response, why) ? response.status : 0;
    fetch_release(&response);
    return status;
}

static void check_registry(const char *endpoint, const char *path, struct diag_at at,
                           struct diag *d)
{
    char why[256];
    char *url = xalloc_format("%s/v2/%s%s" MANIFEST, endpoint, path, path[0] != '\0' ? "/" : "");
    long status = ask(url, why);
    if (status == 0)
        diag_error(d, at, "%s does not answer: %s", endpoint, why);
    else if (status == 401 || status == 403)
        diag_error(d, at,
                   "%s wants credentials (%ld for %s); clients that are sent there have none: "
                   "expected a registry that everybody can read",
                   endpoint, status, url);
    else if (status != 404 && status / 100 != 2 && status / 100 != 3)
        diag_error(d, at, "%s answers %ld for %s; expected 404", endpoint, status, url);
    free(url);
}

/* As the prober sees it: 200 is present, 403 and 404 are absent. */
static void check_store(const struct config_store *s, struct diag *d)
{
    char why[256];
    char *url = xalloc_format("%s/containers/images/" BLOB, s->url);
    long status = ask(url, why);
    if (status == 0)
        diag_error(d, config_at(&s->origin), "store %s does not answer: %s", s->name, why);
    else if (status != 200 && status != 403 && status != 404)
        diag_error(d, config_at(&s->origin), "store %s answers %ld for %s; expected 404", s->name,
                   status, url);
    free(url);
}

/* As serve looks for it, but for the set. Without an index nothing breaks. */
static void check_index(const struct config *c, const struct config_store *s, struct diag *d)
{
    atomic_bool stop = false;
    struct blob_index_pointer p;
    char *base = xalloc_format("%s/", s->url);
    struct index_load l = {.base = str_from(base), .stop = &stop};
    if (index_load_pointer(&l, &p) != INDEX_LOAD_DONE)
        diag_warning(d, config_at(&s->origin),
                     "store %s has no index that can be used: %s; publish one (geranos index), or "
                     "take index: true away",
                     s->name, l.why);
    else if (clock_wall() - p.time >= c->existence.index_max_age / CLOCK_S)
        diag_warning(d, config_at(&s->origin),
                     "store %s: its index was made %lld s ago, longer than "
                     "existence.index_max_age; publish it anew (geranos index)",
                     s->name, (long long)(clock_wall() - p.time));
    else if (index_set_bytes((size_t)blob_index_size(p.count)) > c->existence.index_memory)
        diag_warning(d, config_at(&s->origin),
                     "store %s: its index has %llu bytes, too many for existence.index_memory; "
                     "raise that",
                     s->name, (unsigned long long)blob_index_size(p.count));
    free(base);
}

void online_check(const struct config *c, struct diag *d)
{
    const char *why;
    if (!fetch_init(&why)) {
        diag_error(d, (struct diag_at){0}, "--online: %s", why);
        return;
    }
    check_registry(c->upstream.endpoint, c->upstream.path,
                   config_setting_at(c, "upstream.endpoint"), d);
    if (c->signature_endpoint[0] != '\0')
        check_registry(c->signature_endpoint, c->upstream.path,
                       config_setting_at(c, "signatures.endpoint"), d);
    for (size_t i = 0; i < c->n_stores; i++) {
        check_store(&c->stores[i], d);
        if (c->stores[i].index)
            check_index(c, &c->stores[i], d);
    }
}
