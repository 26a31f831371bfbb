/*
 * Configurations: the input is a file's text.
 *
 * It is refused with a reason, or accepted; what is accepted makes a snapshot, and what `archeio
 * config` prints of it reads back as the same configuration.
 */
#include "fuzz.h"

#include "config/check.h"
#include "config/config.h"
#include "config/dump.h"
#include "config/schema.h"
#include "ranges/compile.h"

static char *const no_environment[] = {NULL};

/* ── Are two configurations the same, but for where it is said? ── */

static bool same_text(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static bool same_prefixes(const struct config_prefixes *a, const struct config_prefixes *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (prefix_compare(&a->prefix[i], &b->prefix[i]) != 0)
            return false;
    return true;
}

static bool same_places(const struct config_place *a, size_t n_a, const struct config_place *b,
                        size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if (!same_text(a[i].cloud, b[i].cloud) || !same_text(a[i].region, b[i].region))
            return false;
    return true;
}

static bool same_listener(const struct config_listen *a, const struct config_listen *b)
{
    if (!same_text(a->address, b->address) || a->protocols != b->protocols ||
        !same_prefixes(&a->proxy_protocol, &b->proxy_protocol) ||
        a->n_certificates != b->n_certificates)
        return false;
    for (size_t i = 0; i < a->n_certificates; i++)
        if (!same_text(a->certificate[i].certificate, b->certificate[i].certificate) ||
            !same_text(a->certificate[i].key, b->certificate[i].key))
            return false;
    return true;
}

static bool same_listeners(const struct config_server *a, const struct config_server *b)
{
    if (a->n_listen != b->n_listen)
        return false;
    for (size_t i = 0; i < a->n_listen; i++)
        if (!same_listener(&a->listen[i], &b->listen[i]))
            return false;
    return true;
}

static bool same_stores(const struct config *a, const struct config *b)
{
    if (a->n_stores != b->n_stores)
        return false;
    for (size_t i = 0; i < a->n_stores; i++) {
        const struct config_store *x = &a->stores[i], *y = &b->stores[i];
        if (!same_text(x->name, y->name) || !same_text(x->url, y->url) ||
            !same_places(x->serves, x->n_serves, y->serves, y->n_serves))
            return false;
    }
    return true;
}

static bool same_upstreams(const struct config *a, const struct config *b)
{
    if (a->n_upstreams != b->n_upstreams)
        return false;
    for (size_t i = 0; i < a->n_upstreams; i++) {
        const struct config_named_upstream *x = &a->upstreams[i], *y = &b->upstreams[i];
        if (!same_text(x->name, y->name) || !same_text(x->endpoint, y->endpoint) ||
            !same_text(x->path, y->path))
            return false;
    }
    return true;
}

/* ── Routes ── */

static bool same_texts(const struct config_texts *a, const struct config_texts *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (!same_text(a->text[i], b->text[i]))
            return false;
    return true;
}

static bool same_numbers(const struct config_numbers *a, const struct config_numbers *b)
{
    return a->n == b->n &&
           (a->n == 0 || memcmp(a->number, b->number, a->n * sizeof(uint32_t)) == 0);
}

static bool same_providers(const struct config *a, const struct config *b)
{
    if (a->n_providers != b->n_providers)
        return false;
    for (size_t i = 0; i < a->n_providers; i++) {
        const struct config_provider *x = &a->providers[i], *y = &b->providers[i];
        if (!same_text(x->name, y->name) || !same_texts(&x->clouds, &y->clouds) ||
            !same_numbers(&x->asns, &y->asns))
            return false;
    }
    return true;
}

static bool same_when(const struct config_when *a, const struct config_when *b)
{
    if (!same_texts(&a->clouds, &b->clouds) || !same_texts(&a->regions, &b->regions) ||
        !same_texts(&a->providers, &b->providers) || !same_numbers(&a->asns, &b->asns) ||
        !same_prefixes(&a->networks, &b->networks) || !same_texts(&a->hosts, &b->hosts) ||
        !same_texts(&a->paths, &b->paths) || !same_texts(&a->repositories, &b->repositories) ||
        a->kinds != b->kinds || a->methods != b->methods || a->n_fields != b->n_fields ||
        a->share != b->share)
        return false;
    for (size_t i = 0; i < a->n_fields; i++)
        if (!same_text(a->fields[i].name, b->fields[i].name) ||
            !same_texts(&a->fields[i].values, &b->fields[i].values))
            return false;
    return true;
}

static bool same_optional(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : same_text(a, b);
}

static bool same_target(const struct config_target *a, const struct config_target *b)
{
    return same_optional(a->name, b->name) && same_optional(a->url, b->url) &&
           same_optional(a->body, b->body) && a->status == b->status;
}

static bool same_routes(const struct config *a, const struct config *b)
{
    if (a->n_routes != b->n_routes)
        return false;
    for (size_t i = 0; i < a->n_routes; i++) {
        const struct config_route *x = &a->routes[i], *y = &b->routes[i];
        if (!same_text(x->name, y->name) || !same_when(&x->when, &y->when) ||
            !same_optional(x->strip, y->strip) || x->n_to != y->n_to)
            return false;
        for (size_t j = 0; j < x->n_to; j++)
            if (!same_target(&x->to[j], &y->to[j]))
                return false;
    }
    return true;
}

/* ── Rows of the schema ── */

static const void *member(const struct config *c, const struct schema_row *row)
{
    return (const char *)c + row->offset;
}

static const char *text_of(const struct config *c, const struct schema_row *row)
{
    const char *text;
    memcpy(&text, member(c, row), sizeof(text));
    return text;
}

static bool same_row(const struct config *a, const struct config *b, const struct schema_row *row)
{
    switch (row->type) {
    case SCHEMA_PRESET:
        return true;
    case SCHEMA_LISTEN:
        return same_listeners(&a->server, &b->server);
    case SCHEMA_STORES:
        return same_stores(a, b);
    case SCHEMA_UPSTREAMS:
        return same_upstreams(a, b);
    case SCHEMA_PROVIDERS:
        return same_providers(a, b);
    case SCHEMA_ROUTES:
        return same_routes(a, b);
    case SCHEMA_PREFIXES:
        return same_prefixes(member(a, row), member(b, row));
    case SCHEMA_PLACES:
        return same_places(a->upstream.blobs_for, a->upstream.n_blobs_for, b->upstream.blobs_for,
                           b->upstream.n_blobs_for);
    case SCHEMA_COUNT:
    case SCHEMA_CHOICE:
    case SCHEMA_DURATION:
    case SCHEMA_SIZE:
    case SCHEMA_RATE:
    case SCHEMA_PERCENT:
        return memcmp(member(a, row), member(b, row), row->size) == 0;
    default:
        return same_text(text_of(a, row), text_of(b, row));
    }
}

/* ── What is accepted ── */

static struct config *parse(const char *text, size_t len)
{
    struct diag d = {0};
    struct config *c = config_parse("f", text, len, no_environment, &d);
    FUZZ_CHECK((c == NULL) == (d.n_errors > 0));
    for (size_t i = 0; i < d.n; i++)
        FUZZ_CHECK(d.message[i].text[0] != '\0');
    diag_clear(&d);
    return c;
}

static void check_advice(const struct config *c)
{
    struct diag d = {0};
    check_advise(c, &d);
    FUZZ_CHECK(d.n_errors == 0);
    diag_clear(&d);
}

static void check_snapshot(const struct config *c)
{
    static const struct ranges none;
    struct compile_image image;
    struct diag d = {0};
    FUZZ_CHECK(compile_snapshot(c, &none, &image, &d));
    compile_release(&image);
    diag_clear(&d);
}

static void check_printed(const struct config *c)
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    FUZZ_CHECK(to != NULL);
    dump_config(c, to);
    FUZZ_CHECK(fclose(to) == 0);
    struct config *again = parse(text, len);
    FUZZ_CHECK(again != NULL);
    for (size_t i = 0; i < schema_count; i++)
        FUZZ_CHECK(same_row(c, again, &schema_rows[i]));
    config_free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = fuzz_copy(data, size);
    struct config *c = parse(copy, size);
    free(copy);
    if (c == NULL)
        return 0;
    check_advice(c);
    check_snapshot(c);
    check_printed(c);
    config_free(c);
    return 0;
}
