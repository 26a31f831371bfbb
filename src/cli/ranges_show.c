#include "cli/ranges_address.h"
#include "cli/ranges_commands.h"
#include "ranges/diff.h"
#include "ranges/survey.h"
#include <time.h>
#include <unistd.h>

enum { NESTING_MAX = 130 }; /* a prefix of each length, and one more */

static const char *date_of(int64_t seconds, char out[32])
{
    time_t when = (time_t)seconds;
    struct tm tm;
    strcpy(out, "-");
    if (gmtime_r(&when, &tm) != NULL)
        strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return out;
}

static void print_files(const struct ranges *r)
{
    char date[32];
    printf("%-28s %-6s %-20s %9s %10s %9s %9s\n", "FILE", "CLOUD", "PUBLISHED", "PREFIXES",
           "DUPLICATES", "CONFLICTS", "HOST BITS");
    for (size_t i = 0; i < r->n_files; i++) {
        const struct ranges_file *f = &r->file[i];
        printf("%-28s %-6s %-20s %9u %10u %9u %9u\n", f->name, f->cloud, date_of(f->modified, date),
               f->prefixes, f->duplicates, f->conflicts, f->host_bits);
    }
}

/* Files of autonomous systems: none that routes or providers do not name is in the table. */
static void print_systems(const struct survey *s)
{
    char date[32];
    printf("\n%-28s %-20s %9s %9s\n", "FILE", "MODIFIED", "PREFIXES", "ASNS");
    for (size_t i = 0; i < s->n_files; i++) {
        const struct survey_file *f = &s->file[i];
        printf("%-28s %-20s %9zu %9zu\n", f->name, date_of(f->modified, date), f->prefixes,
               f->systems);
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

static bool show_files(const struct ranges *r, const struct lpm *table, const char *directory,
                       struct diag *d)
{
    struct survey survey;
    survey_make(directory, &survey, d);
    print_files(r);
    if (survey.n_files > 0)
        print_systems(&survey);
    if (r->n_ranges > 0)
        print_places(r);
    print_totals(r, table);
    bool good = survey.n_refused == 0;
    survey_release(&survey);
    return good;
}

/* What was said about it, if it is good, has been said already: by ranges_commands_load(). */
static struct config *load_config(const struct ranges_commands_options *o)
{
    struct diag d = {0};
    struct config *c = config_load(o->config, environ, &d);
    if (c == NULL)
        diag_print(&d, stderr);
    diag_clear(&d);
    return c;
}

static bool show(const struct ranges_commands_options *o, const struct ranges *r,
                 const struct lpm *table)
{
    const bool by_itself = o->directory != NULL && o->n_arguments == 0;
    struct config *c = by_itself ? NULL : load_config(o);
    struct diag d = {0};
    if (c == NULL && !by_itself)
        return false;
    const char *directory = o->directory != NULL ? o->directory : c->ranges.directory;
    const struct ranges_address_sources sources = {c, directory, r, table};
    bool good = o->n_arguments > 0 ? ranges_address_show(&sources, o->arguments, o->n_arguments, &d)
                                   : show_files(r, table, directory, &d);
    diag_print(&d, stderr);
    diag_clear(&d);
    config_free(c);
    return good;
}

int ranges_show(const struct ranges_commands_options *o)
{
    struct lookup lookup;
    struct ranges *r = ranges_commands_load(o, &lookup);
    if (r == NULL)
        return 1;
    bool good = show(o, r, &lookup.table) && r->n_refused == 0;
    lookup_release(&lookup);
    ranges_free(r);
    return fflush(stdout) == 0 && good ? 0 : 1;
}
