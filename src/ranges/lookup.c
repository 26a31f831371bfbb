#include "ranges/lookup.h"

#include <stdlib.h>

bool lookup_build(struct lookup *l, const struct lpm_entry *entries, size_t n)
{
    *l = (struct lookup){.image = NULL};
    if (n > LPM_PREFIXES_MAX)
        return false;
    size_t size = 0, scratch_size = lpm_scratch_size(n);
    void *scratch = malloc(scratch_size + 1); /* for an empty table it is 0 */
    void *image = malloc(lpm_image_bound(entries, n));
    if (scratch != NULL && image != NULL)
        size = lpm_build(entries, n, scratch, scratch_size, image);
    free(scratch);
    if (size == 0 || lpm_open(&l->table, image, size) != NULL) {
        free(image);
        *l = (struct lookup){.image = NULL};
        return false;
    }
    l->image = image;
    return true;
}

bool lookup_build_prefixes(struct lookup *l, const struct config_prefixes *prefixes)
{
    struct lpm_entry *entry = calloc(prefixes->n + 1, sizeof(*entry));
    *l = (struct lookup){.image = NULL};
    if (entry == NULL)
        return false;
    for (size_t i = 0; i < prefixes->n; i++)
        entry[i].prefix = prefixes->prefix[i];
    bool built = lookup_build(l, entry, prefixes->n);
    free(entry);
    return built;
}

bool lookup_build_ranges(struct lookup *l, const struct ranges *r)
{
    struct lpm_entry *entry = calloc(r->n_ranges + 1, sizeof(*entry));
    *l = (struct lookup){.image = NULL};
    if (entry == NULL)
        return false;
    for (size_t i = 0; i < r->n_ranges; i++)
        entry[i] = (struct lpm_entry){r->range[i].prefix, r->range[i].place};
    bool built = lookup_build(l, entry, r->n_ranges);
    free(entry);
    return built;
}

void lookup_release(struct lookup *l)
{
    free(l->image);
    *l = (struct lookup){.image = NULL};
}
