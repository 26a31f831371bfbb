#include "ranges/clouds.h"

#include "base/name.h"
#include <stdio.h>

/* The last is no cloud, but may be meant where a place is expected. */
static const char *const published[] = {"aws", "gcp", "azure", "default"};
#define PUBLISHED (sizeof(published) / sizeof(published[0]))

static bool is_published(struct str cloud)
{
    size_t i = 0;
    while (i < PUBLISHED - 1 && !str_eq(cloud, str_from(published[i])))
        i++;
    return i < PUBLISHED - 1;
}

static bool is_loaded(const struct ranges *r, struct str cloud)
{
    size_t i = 0;
    while (i < r->n_places && !str_eq(r->place[i].cloud, cloud))
        i++;
    return i < r->n_places;
}

struct search {
    const struct ranges *ranges;
    struct diag *d;
};

/* n: how many of the published names may be meant. */
static void check_cloud(const struct search *s, struct str cloud, const struct config_origin *at,
                        size_t n)
{
    char name[NAME_LENGTH_MAX + 1];
    if (cloud.len == 0 || is_published(cloud) || is_loaded(s->ranges, cloud))
        return;
    snprintf(name, sizeof(name), "%.*s", (int)cloud.len, cloud.data);
    const char *nearest = diag_nearest(name, published, n);
    diag_warning(s->d, config_at(at), "no ranges bring the cloud \"%s\"; %s%s%s", name,
                 nearest != NULL ? "did you mean \""
                                 : "name its networks in a file of your own (*.txt) in "
                                   "ranges.directory",
                 nearest != NULL ? nearest : "", nearest != NULL ? "\"?" : "");
}

static void check_places(const struct search *s, const struct config_place *places, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check_cloud(s, str_from(places[i].cloud), &places[i].origin, PUBLISHED);
}

/* "CLOUD", "CLOUD/REGION"; where a word alone is a region, nobody knows its cloud. */
static void check_texts(const struct search *s, const struct config_texts *texts, bool regions)
{
    for (size_t i = 0; i < texts->n; i++) {
        struct str text = str_from(texts->text[i]);
        size_t slash = str_find(text, '/');
        if (!regions || slash < text.len)
            check_cloud(s, str_make(text.data, slash), &texts->origin[i], PUBLISHED - 1);
    }
}

void clouds_check(const struct config *c, const struct ranges *r, struct diag *d)
{
    const struct search s = {r, d};
    check_places(&s, c->upstream.blobs_for, c->upstream.n_blobs_for);
    for (size_t i = 0; i < c->n_stores; i++)
        check_places(&s, c->stores[i].serves, c->stores[i].n_serves);
    for (size_t i = 0; i < c->n_providers; i++)
        check_texts(&s, &c->providers[i].clouds, false);
    for (size_t i = 0; i < c->n_routes; i++) {
        check_texts(&s, &c->routes[i].when.clouds, false);
        check_texts(&s, &c->routes[i].when.regions, true);
    }
}
