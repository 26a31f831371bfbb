#include "cli/ranges_commands.h"
#include "ranges/diff.h"
#include <time.h>

enum { NESTING_MAX = 130 }; /* a prefix of each length, and one more */

static void print_files(const struct ranges *r)
{
    printf("%-28s %-6s %-20s %9s %10s %9s %9s\n", "FILE", "CLOUD", "PUBLISHED", "PREFIXES",
           "DUPLICATES", "CONFLICTS", "HOST BITS");
    for (size_t i = 0; i < r->n_files; i++) {
        const struct ranges_file *f = &r->file[i];
        time_t when = (time_t)f->modified;
        struct tm tm;
        char date[32] = "-";
        if (gmtime_r(&when, &tm) != NULL)
            strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &tm);
        printf("%-28s %-6s %-20s %9u %10u %9u %9u\n", f->name, f->cloud, date, f->prefixes,
               f->duplicates, f->conflicts, f->host_bits);
    }
}

/* Everything is an addition to nothing: sorted, and counted per cloud and region. */
static void print_places(const struct ranges *r)
{
    struct diff d = diff_ranges(NULL, r);
    printf("\n%-12s %-28s %9s\n", "CLOUD", "REGION", "PREFIXES");
    for (size_t i = 0; i < d.n_places; i++) {
        const struct diff_place *p = &d.place[i];
        struct str region = p->region.len > 0 ? p->region : STR("-");
        printf("%-12.*s %-28.*s %9u\n", (int)p->cloud.len, p->cloud.data, (int)region.len,
               region.data, p->added);
    }
    diff_release(&d);
}

/* How many prefixes lie in one with another answer: those that the longest match is for. They are
 * sorted, so those around one stand before it. */
static size_t count_nested(const struct ranges *r)
{
    const struct ranges_range *around[NESTING_MAX];
    size_t depth = 0, nested = 0;
    for (size_t i = 0; i < r->n_ranges; i++) {
        const struct ranges_range *p = &r->range[i];
        while (depth > 0 && !prefix_holds(&around[depth - 1]->prefix, &p->prefix.addr))
            depth--;
        nested += depth > 0 && around[depth - 1]->place != p->place;
        around[depth++] = p;
    }
    return nested;
}

static void print_totals(const struct ranges *r, const struct lpm *table)
{
    size_t v4 = 0;
    while (v4 < r->n_ranges && r->range[v4].prefix.addr.family == ADDR_V4)
        v4++;
    printf("\n%zu prefixes, %zu of IPv4 and %zu of IPv6\n", r->n_ranges, v4, r->n_ranges - v4);
    printf("%zu of them lie inside one with another answer\n", count_nested(r));
    printf("the table takes %zu bytes\n", table->size);
}

int ranges_show(const struct ranges_commands_options *o)
{
    struct lookup lookup;
    struct ranges *r = ranges_commands_load(o, &lookup);
    if (r == NULL)
        return 1;
    int code = r->n_refused > 0 ? 1 : 0;
    print_files(r);
    if (r->n_ranges > 0)
        print_places(r);
    print_totals(r, &lookup.table);
    lookup_release(&lookup);
    ranges_free(r);
    return fflush(stdout) == 0 ? code : 1;
}
