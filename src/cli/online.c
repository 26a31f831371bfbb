#include "cli/online.h"

#include "client/fetch.h"
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
    for (size_t i = 0; i < c->n_stores; i++)
        check_store(&c->stores[i], d);
}
