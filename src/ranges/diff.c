#include "ranges/diff.h"

#include "sys/xalloc.h"
#include <stdlib.h>

static int compare_places(const void *a, const void *b)
{
    const struct diff_place *x = a, *y = b;
    int order = str_compare(x->cloud, y->cloud);
    return order != 0 ? order : str_compare(x->region, y->region);
}

static void start_places(struct diff_place *to, const struct ranges *r)
{
    for (size_t i = 0; i < r->n_places; i++)
        to[i] = (struct diff_place){.cloud = r->place[i].cloud, .region = r->place[i].region};
}

static bool same_answer(const struct ranges *a, size_t i, const struct ranges *b, size_t j)
{
    const struct policy_place *x = &a->place[a->range[i].place], *y = &b->place[b->range[j].place];
    return str_eq(x->cloud, y->cloud) && str_eq(x->region, y->region);
}

/* Both sets are sorted: walks them side by side. place: those of before, then those of after. */
static void count(const struct ranges *before, const struct ranges *after, struct diff *d)
{
    struct diff_place *of_before = d->place, *of_after = d->place + before->n_places;
    size_t i = 0, j = 0;
    while (i < before->n_ranges || j < after->n_ranges) {
        int order = i == before->n_ranges ? 1 : -1;
        if (i < before->n_ranges && j < after->n_ranges)
            order = prefix_compare(&before->range[i].prefix, &after->range[j].prefix);
        bool same = order == 0 && same_answer(before, i, after, j);
        if (order <= 0 && !same) {
            of_before[before->range[i].place].removed++;
            d->removed++;
        }
        if (order >= 0 && !same) {
            of_after[after->range[j].place].added++;
            d->added++;
        }
        i += order <= 0;
        j += order >= 0;
    }
}

/* Adds up what two sets say of one place, and drops places where nothing changed. */
static void join(struct diff *d, size_t n)
{
    if (n > 0)
        qsort(d->place, n, sizeof(*d->place), compare_places);
    for (size_t i = 0; i < n; i++) {
        const struct diff_place *p = &d->place[i];
        if (p->added == 0 && p->removed == 0)
            continue;
        struct diff_place *last = d->n_places > 0 ? &d->place[d->n_places - 1] : NULL;
        if (last != NULL && compare_places(last, p) == 0) {
            last->added += p->added;
            last->removed += p->removed;
        } else {
            d->place[d->n_places++] = *p;
        }
    }
}

struct diff diff_ranges(const struct ranges *before, const struct ranges *after)
{
    static const struct ranges nothing;
    struct diff d = {.place = NULL};
    if (before == NULL)
        before = &nothing;
    size_t n = before->n_places + after->n_places;
    d.place = xalloc_zero(n, sizeof(*d.place));
    start_places(d.place, before);
    start_places(d.place + before->n_places, after);
    count(before, after, &d);
    join(&d, n);
    return d;
}

void diff_release(struct diff *d)
{
    free(d->place);
    *d = (struct diff){.place = NULL};
}
