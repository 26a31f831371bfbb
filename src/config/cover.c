#include "config/cover.h"

#include "base/glob.h"
#include "config/pattern.h"
#include "config/providers.h"
#include "config/when.h"
#include "oci/path.h"

#include <archeio/decide.h>
#include <stdio.h>
#include <string.h>

#define BELOW_V2 "/v2/"
#define KINDS_ALL ((1U << (PATH_SIGNATURE + 1)) - 1)
#define KIND_OTHER (1U << PATH_OTHER)
#define PATTERN_STEPS 64 /* of a pattern's, that are one comparison */
#define METHODS_ALL (1U << DECIDE_GET | 1U << DECIDE_HEAD)

static bool spend_some(size_t n, size_t *effort)
{
    bool enough = *effort >= n;
    *effort -= enough ? n : *effort;
    return enough;
}

static bool spend(size_t *effort)
{
    return spend_some(1, effort);
}

/* ── Lists ── */

typedef bool cover_one(const char *outer, const char *inner);

static bool is_same(const char *outer, const char *inner)
{
    return strcmp(outer, inner) == 0;
}

static bool pattern_one(const char *outer, const char *inner)
{
    return pattern_covers(str_from(outer), str_from(inner));
}

/* How many comparisons that may take: one where they differ before the first wildcard, as mostly.
 */
static size_t pattern_effort(const char *outer, const char *inner)
{
    size_t same = 0;
    while (outer[same] != '\0' && outer[same] != '*' && outer[same] == inner[same])
        same++;
    if (outer[same] != '*')
        return 1;
    return 1 + strlen(outer + same) * strlen(inner + same) / PATTERN_STEPS;
}

static bool any_covers(const struct config_texts *outer, const char *inner, cover_one *one,
                       size_t *effort)
{
    for (size_t i = 0; i < outer->n; i++) {
        size_t n = one == pattern_one ? pattern_effort(outer->text[i], inner) : 1;
        if (!spend_some(n, effort))
            return false;
        if (one(outer->text[i], inner))
            return true;
    }
    return false;
}

/* Each of inner's, of which there are some, by one of outer's. */
static bool each_covered(const struct config_texts *outer, const struct config_texts *inner,
                         cover_one *one, size_t *effort)
{
    size_t i = 0;
    while (i < inner->n && any_covers(outer, inner->text[i], one, effort))
        i++;
    return inner->n > 0 && i == inner->n;
}

static bool numbers_covered(const struct config_numbers *outer, const struct config_numbers *inner,
                            size_t *effort)
{
    for (size_t i = 0; i < inner->n; i++) {
        size_t j = 0;
        while (j < outer->n && outer->number[j] != inner->number[i] && spend(effort))
            j++;
        if (j == outer->n || outer->number[j] != inner->number[i])
            return false;
    }
    return true;
}

/* ── Clients ── */

/* The outer conditions, and what they are looked at with. */
struct client {
    const struct config *c;
    const struct config_when *when;
    size_t *effort;
};

/* "aws/eu-west-3" is of the cloud "aws"; "eu-west-3" of any. */
static bool cloud_of_region(const char *cloud, const char *region)
{
    size_t len = strlen(cloud);
    return strncmp(region, cloud, len) == 0 && region[len] == '/';
}

static bool region_covers(const char *outer, const char *inner)
{
    const char *slash = strchr(inner, '/');
    return strcmp(outer, inner) == 0 || (slash != NULL && strcmp(outer, slash + 1) == 0);
}

/* Are all clients of the cloud, as a whole or in a region, those of one of the providers? */
static bool some_provider_has(const struct client *outer, const char *place, cover_one *one)
{
    for (size_t i = 0; i < outer->when->providers.n; i++) {
        const struct config_provider *p = providers_find(outer->c, outer->when->providers.text[i]);
        if (p != NULL && any_covers(&p->clouds, place, one, outer->effort))
            return true;
    }
    return false;
}

static bool some_provider_has_each(const struct client *outer, const struct config_texts *places,
                                   cover_one *one)
{
    size_t i = 0;
    while (i < places->n && some_provider_has(outer, places->text[i], one))
        i++;
    return places->n > 0 && i == places->n;
}

static bool some_provider_has_asn(const struct client *outer, uint32_t asn)
{
    const struct config_numbers one = {&asn, 1};
    for (size_t i = 0; i < outer->when->providers.n; i++) {
        const struct config_provider *p = providers_find(outer->c, outer->when->providers.text[i]);
        if (p != NULL && numbers_covered(&p->asns, &one, outer->effort))
            return true;
    }
    return false;
}

static bool some_provider_has_asns(const struct client *outer, const struct config_numbers *asns)
{
    size_t i = 0;
    while (i < asns->n && some_provider_has_asn(outer, asns->number[i]))
        i++;
    return i == asns->n;
}

/* Whom inner's providers have, outer's have, too: by cloud or by autonomous system. */
static bool providers_covered(const struct client *outer, const struct config_when *inner)
{
    for (size_t i = 0; i < inner->providers.n; i++) {
        const struct config_provider *p = providers_find(outer->c, inner->providers.text[i]);
        if (any_covers(&outer->when->providers, inner->providers.text[i], is_same, outer->effort))
            continue;
        if (p == NULL || !some_provider_has_asns(outer, &p->asns) ||
            (p->clouds.n > 0 && !some_provider_has_each(outer, &p->clouds, is_same)))
            return false;
    }
    return inner->providers.n > 0;
}

static bool any_provider_has_clouds(const struct config *c)
{
    size_t i = 0;
    while (i < c->n_providers && c->providers[i].clouds.n == 0)
        i++;
    return i < c->n_providers;
}

/* An autonomous system is its provider's only for clients in no provider's cloud. */
static bool provider_holds(const struct client *outer, const struct config_when *inner)
{
    return outer->when->providers.n == 0 || providers_covered(outer, inner) ||
           some_provider_has_each(outer, &inner->clouds, is_same) ||
           some_provider_has_each(outer, &inner->regions, cloud_of_region) ||
           (inner->asns.n > 0 && !any_provider_has_clouds(outer->c) &&
            some_provider_has_asns(outer, &inner->asns));
}

static bool cloud_holds(const struct client *outer, const struct config_when *inner)
{
    const struct config_texts *clouds = &outer->when->clouds;
    if (clouds->n == 0 || each_covered(clouds, &inner->clouds, is_same, outer->effort) ||
        each_covered(clouds, &inner->regions, cloud_of_region, outer->effort))
        return true;
    for (size_t i = 0; i < inner->providers.n; i++) {
        const struct config_provider *p = providers_find(outer->c, inner->providers.text[i]);
        if (p == NULL || p->asns.n > 0 || !each_covered(clouds, &p->clouds, is_same, outer->effort))
            return false;
    }
    return inner->providers.n > 0;
}

static bool asn_holds(const struct client *outer, const struct config_when *inner)
{
    const struct config_numbers *asns = &outer->when->asns;
    if (asns->n == 0 || (inner->asns.n > 0 && numbers_covered(asns, &inner->asns, outer->effort)))
        return true;
    for (size_t i = 0; i < inner->providers.n; i++) {
        const struct config_provider *p = providers_find(outer->c, inner->providers.text[i]);
        if (p == NULL || p->clouds.n > 0 || !numbers_covered(asns, &p->asns, outer->effort))
            return false;
    }
    return inner->providers.n > 0;
}

static bool prefix_is_inside(const struct config_prefixes *all, const struct prefix *p,
                             size_t *effort)
{
    for (size_t i = 0; i < all->n && spend(effort); i++)
        if (all->prefix[i].bits <= p->bits && prefix_holds(&all->prefix[i], &p->addr))
            return true;
    return false;
}

static bool network_holds(const struct client *outer, const struct config_when *inner)
{
    const struct config_prefixes *all = &outer->when->networks, *some = &inner->networks;
    size_t i = 0;
    if (all->n == 0)
        return true;
    while (i < some->n && prefix_is_inside(all, &some->prefix[i], outer->effort))
        i++;
    return some->n > 0 && i == some->n;
}

static bool client_holds(const struct client *outer, const struct config_when *inner)
{
    const struct config_texts *regions = &outer->when->regions;
    return cloud_holds(outer, inner) &&
           (regions->n == 0 ||
            each_covered(regions, &inner->regions, region_covers, outer->effort)) &&
           provider_holds(outer, inner) && asn_holds(outer, inner) && network_holds(outer, inner);
}

/* ── Requests ── */

static unsigned kinds_of(const struct config_when *w)
{
    unsigned kinds = w->kinds != 0 ? w->kinds : KINDS_ALL;
    return w->repositories.n > 0 ? kinds & ~KIND_OTHER : kinds; /* which has no repository */
}

/* Not by kinds_of(): where "kinds != 0 ? kinds : all" is only compared with a constant, gcc 12.2 at
 * -O2 takes kinds itself for never 0, and drops what is done where it is (gcc's bug 108166). */
static bool may_be_other(const struct config_when *w)
{
    return w->repositories.n == 0 && (w->kinds == 0 || (w->kinds & KIND_OTHER) != 0);
}

static unsigned methods_of(const struct config_when *w)
{
    return w->methods != 0 ? w->methods : METHODS_ALL;
}

/* What the conditions on repository and kind say of the path: all is below "/v2/". */
static bool path_is_covered(const struct config_texts *outer, const struct config_when *inner,
                            size_t *effort)
{
    char path[sizeof(BELOW_V2 "/**") + PATTERN_MAX];
    const char *whole = may_be_other(inner) ? "/**" : BELOW_V2 "**";
    if (any_covers(outer, whole, pattern_one, effort))
        return true;
    size_t i = 0;
    for (; i < inner->repositories.n; i++) {
        snprintf(path, sizeof(path), BELOW_V2 "%s/**", inner->repositories.text[i]);
        if (!any_covers(outer, path, pattern_one, effort))
            return false;
    }
    return i > 0;
}

static bool path_holds(const struct config_when *outer, const struct config_when *inner,
                       size_t *effort)
{
    return outer->paths.n == 0 || each_covered(&outer->paths, &inner->paths, pattern_one, effort) ||
           path_is_covered(&outer->paths, inner, effort);
}

/* What is not of the kind "other" has a repository. */
static bool repository_holds(const struct config_when *outer, const struct config_when *inner,
                             size_t *effort)
{
    return outer->repositories.n == 0 ||
           each_covered(&outer->repositories, &inner->repositories, pattern_one, effort) ||
           (!may_be_other(inner) && any_covers(&outer->repositories, "**", pattern_one, effort));
}

/* "red-*" stands for all that begin so. */
static bool value_covers(const char *outer, const char *inner)
{
    size_t len = strlen(outer);
    if (len > 0 && outer[len - 1] == '*')
        return strncmp(outer, inner, len - 1) == 0;
    return strcmp(outer, inner) == 0;
}

static bool fields_hold(const struct config_when *outer, const struct config_when *inner,
                        size_t *effort)
{
    for (size_t i = 0; i < outer->n_fields; i++) {
        size_t j = 0;
        while (j < inner->n_fields && spend(effort) &&
               strcmp(outer->fields[i].name, inner->fields[j].name) != 0)
            j++;
        if (j == inner->n_fields ||
            !each_covered(&outer->fields[i].values, &inner->fields[j].values, value_covers, effort))
            return false;
    }
    return true;
}

bool cover_when(const struct config *c, const struct config_when *outer,
                const struct config_when *inner, size_t *effort)
{
    const struct client client = {c, outer, effort};
    return spend(effort) && outer->share == WHEN_SHARE_ALL &&
           (kinds_of(inner) & ~kinds_of(outer)) == 0 &&
           (methods_of(inner) & ~methods_of(outer)) == 0 &&
           (outer->hosts.n == 0 || each_covered(&outer->hosts, &inner->hosts, is_same, effort)) &&
           fields_hold(outer, inner, effort) && client_holds(&client, inner) &&
           repository_holds(outer, inner, effort) && path_holds(outer, inner, effort);
}

/* ── Conditions that exclude each other ── */

/* Can a path that matches lie below "/v2/"? */
static bool may_be_below(struct str pattern)
{
    const struct str below = STR(BELOW_V2);
    size_t literal = glob_literal(pattern), n = literal < below.len ? literal : below.len;
    return memcmp(pattern.data, below.data, n) == 0 && (n == below.len || literal < pattern.len);
}

static bool all_paths_are_elsewhere(const struct config_when *w)
{
    size_t i = 0;
    while (i < w->paths.n && !may_be_below(str_from(w->paths.text[i])))
        i++;
    return w->paths.n > 0 && i == w->paths.n;
}

static bool all_regions_are_elsewhere(const struct config_when *w)
{
    for (size_t i = 0; i < w->regions.n; i++) {
        if (strchr(w->regions.text[i], '/') == NULL)
            return false;
        for (size_t j = 0; j < w->clouds.n; j++)
            if (cloud_of_region(w->clouds.text[j], w->regions.text[i]))
                return false;
    }
    return w->regions.n > 0 && w->clouds.n > 0;
}

const char *cover_contradiction(const struct config_when *w)
{
    if (w->repositories.n > 0 && w->kinds == KIND_OTHER)
        return "repository and kind";
    if (w->repositories.n > 0 && all_paths_are_elsewhere(w))
        return "path and repository";
    if (!may_be_other(w) && all_paths_are_elsewhere(w))
        return "path and kind";
    return all_regions_are_elsewhere(w) ? "cloud and region" : NULL;
}
