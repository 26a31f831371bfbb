#include "cli/check_ranges.h"

#include "ranges/asn.h"
#include "ranges/clouds.h"
#include "ranges/ranges.h"
#include "ranges/routing.h"
#include "sys/xalloc.h"

#include <stdlib.h>
#include <string.h>

#define HINT_MAX 160

/* ── Clouds and regions ── */

/* Has any loaded range this region, of this cloud or (NULL) of any? */
static bool has_region(const struct ranges *r, const char *cloud, const char *region)
{
    for (size_t i = 0; i < r->n_places; i++)
        if ((cloud == NULL || str_eq(r->place[i].cloud, str_from(cloud))) &&
            str_eq(r->place[i].region, str_from(region)))
            return true;
    return false;
}

static bool has_cloud(const struct ranges *r, const char *cloud)
{
    for (size_t i = 0; i < r->n_places; i++)
        if (str_eq(r->place[i].cloud, str_from(cloud)))
            return true;
    return false;
}

/* Writes a hint at the nearest region of the cloud, or of any, or nothing. */
static void hint_at_region(const struct ranges *r, const char *cloud, const char *region,
                           char out[HINT_MAX])
{
    size_t n = 0;
    char **names = xalloc_zero(r->n_places, sizeof(*names));
    for (size_t i = 0; i < r->n_places; i++) {
        struct str name = r->place[i].region;
        if (name.len > 0 && (cloud == NULL || str_eq(r->place[i].cloud, str_from(cloud))))
            names[n++] = xalloc_copy(name.data, name.len);
    }
    const char *nearest = diag_nearest(region, (const char *const *)names, n);
    out[0] = '\0';
    if (nearest != NULL)
        snprintf(out, HINT_MAX, "; did you mean \"%.64s%s%.64s\"?", cloud != NULL ? cloud : "",
                 cloud != NULL ? "/" : "", nearest);
    for (size_t i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

/* A cloud without ranges has been warned of; here it is about the spelling of its regions. */
static void check_region(const struct ranges *r, const char *cloud, const char *region,
                         const struct config_origin *at, struct diag *d)
{
    char hint[HINT_MAX];
    bool unknown = cloud != NULL ? !has_cloud(r, cloud) : r->n_places == 0;
    if (unknown || at->source != CONFIG_FILE || has_region(r, cloud, region))
        return;
    hint_at_region(r, cloud, region, hint);
    diag_warning(d, config_at(at), "no loaded range lies in %s%s%s%s", cloud != NULL ? cloud : "",
                 cloud != NULL ? "/" : "", region, hint);
}

static void check_places(const struct ranges *r, const struct config_place *places, size_t n,
                         struct diag *d)
{
    for (size_t i = 0; i < n; i++)
        if (places[i].region[0] != '\0')
            check_region(r, places[i].cloud, places[i].region, &places[i].origin, d);
}

/* "aws/eu-west-3", or "eu-west-3" of any cloud. */
static void check_conditions(const struct ranges *r, const struct config_texts *regions,
                             struct diag *d)
{
    for (size_t i = 0; i < regions->n; i++) {
        char *cloud = xalloc_text(regions->text[i]), *slash = strchr(cloud, '/');
        if (slash != NULL)
            *slash = '\0';
        check_region(r, slash != NULL ? cloud : NULL, slash != NULL ? slash + 1 : cloud,
                     &regions->origin[i], d);
        free(cloud);
    }
}

static void check_clouds_and_regions(const struct config *c, struct diag *d)
{
    struct diag of_ranges = {0};
    struct ranges *r = ranges_load(c->ranges.directory, &of_ranges);
    clouds_check(c, r, d);
    check_places(r, c->upstream.blobs_for, c->upstream.n_blobs_for, d);
    for (size_t i = 0; i < c->n_stores; i++)
        check_places(r, c->stores[i].serves, c->stores[i].n_serves, d);
    for (size_t i = 0; i < c->n_routes; i++)
        check_conditions(r, &c->routes[i].when.regions, d);
    ranges_free(r);
    diag_clear(&of_ranges);
}

/* ── Autonomous systems ── */

/* Which of the named are somewhere announced, in ascending order. */
static struct asn_named list_known(const struct asn_table *t, uint32_t **memory)
{
    struct asn_named known = {.n = 0};
    *memory = xalloc_zero(t->n, sizeof(**memory));
    for (size_t i = 0; i < t->n; i++)
        if (t->entry[i].asn != 0)
            (*memory)[known.n++] = t->entry[i].asn;
    qsort(*memory, known.n, sizeof(**memory), asn_compare);
    known.asn = *memory;
    return known;
}

static void check_numbers(const struct asn_named *known, const struct config_numbers *asns,
                          const struct config_origin *at, struct diag *d)
{
    for (size_t i = 0; i < asns->n; i++)
        if (!asn_is_named(known, asns->number[i]))
            diag_warning(d, config_at(at), "no loaded file says that an address is of as%u",
                         (unsigned)asns->number[i]);
}

/* What does not keep the server from starting is no error here. */
static void take_as_warnings(const struct diag *from, struct diag *d)
{
    for (size_t i = 0; i < from->n; i++) {
        const struct diag_message *m = &from->message[i];
        diag_warning(d, (struct diag_at){m->file, m->line, m->column}, "%s", m->text);
    }
}

static void check_asns(const struct config *c, const struct asn_named *named, struct diag *d)
{
    struct diag of_files = {0};
    struct asn_table table;
    uint32_t *memory;
    asn_load(c->ranges.directory, named, &table, &of_files);
    struct asn_named known = list_known(&table, &memory);
    take_as_warnings(&of_files, d);
    if (of_files.n == 0) {
        for (size_t i = 0; i < c->n_providers; i++)
            check_numbers(&known, &c->providers[i].asns, &c->providers[i].origin, d);
        for (size_t i = 0; i < c->n_routes; i++)
            check_numbers(&known, &c->routes[i].when.asns, &c->routes[i].origin, d);
    }
    free(memory);
    asn_release(&table);
    diag_clear(&of_files);
}

void check_ranges(const struct config *c, struct diag *d)
{
    struct routing routing;
    check_clouds_and_regions(c, d);
    routing_make(c, &routing);
    const struct asn_named named = {routing.asns, routing.n_asns};
    if (named.n > 0)
        check_asns(c, &named, d);
    routing_release(&routing);
}
