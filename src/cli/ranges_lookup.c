#include "base/ascii.h"
#include "cli/ranges_commands.h"
#include "ranges/compile.h"
#include "sys/log.h"
#include <stdlib.h>

/* The table, from either source. */
struct table {
    struct lpm lpm;
    struct ranges *ranges; /* NULL with a snapshot */
    struct lookup lookup;  /* of the ranges */
    struct compile_image snapshot;
};

static bool open_table(struct table *t, const struct ranges_commands_options *o)
{
    *t = (struct table){.ranges = NULL};
    if (o->snapshot != NULL) {
        struct diag d = {0};
        bool good = compile_read(o->snapshot, &t->snapshot, &d);
        diag_print(&d, stderr);
        diag_clear(&d);
        if (good)
            t->lpm = t->snapshot.snapshot.table;
        return good;
    }
    t->ranges = ranges_commands_load(o, &t->lookup);
    t->lpm = t->lookup.table;
    return t->ranges != NULL;
}

static void close_table(struct table *t)
{
    lookup_release(&t->lookup);
    ranges_free(t->ranges);
    compile_release(&t->snapshot);
}

static struct policy_place place_of(const struct table *t, uint32_t value)
{
    if (t->ranges != NULL)
        return t->ranges->place[value];
    struct snapshot_network n = snapshot_network(&t->snapshot.snapshot, value);
    return (struct policy_place){n.cloud, n.region};
}

static void put(struct str s)
{
    fwrite(s.data, 1, s.len, stdout);
}

static void print_answer(const struct table *t, struct str text, const struct addr *a)
{
    struct prefix prefix;
    char prefix_text[PREFIX_TEXT_MAX];
    uint32_t value = lpm_match(&t->lpm, a, &prefix);
    put(text);
    if (value == LPM_NONE) {
        fputs("\t-\t-\t-\n", stdout);
        return;
    }
    struct policy_place place = place_of(t, value);
    putchar('\t');
    put(place.cloud);
    putchar('\t');
    put(place.region.len > 0 ? place.region : STR("-"));
    putchar('\t');
    put(str_make(prefix_text, prefix_format(&prefix, prefix_text)));
    putchar('\n');
}

/* Something that is no address still gets its line, so that lines in and out stay side by side;
 * bytes that a terminal or a later tool could take for something else do not come back. */
static void print_refused(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        putchar(text.data[i] > ' ' && text.data[i] < 0x7f ? text.data[i] : '?');
    fputs("\t-\t-\t-\n", stdout);
}

static bool look_up(const struct table *t, struct str text, const char *where, size_t number)
{
    struct addr a;
    if (addr_parse(text, &a)) {
        print_answer(t, text, &a);
        return true;
    }
    log_error("%s %zu: \"%.*s\" is no IP address; expected one such as 192.0.2.1 or 2001:db8::1",
              where, number, (int)(text.len < 64 ? text.len : 64), text.data);
    print_refused(text);
    return false;
}

static bool look_up_lines(const struct table *t, FILE *from)
{
    char *line = NULL;
    size_t size = 0, number = 0;
    ssize_t len;
    bool good = true;
    while ((len = getline(&line, &size, from)) >= 0) {
        struct str text = ascii_trim_space(str_make(line, (size_t)len));
        good = look_up(t, text, "line", ++number) && good;
    }
    free(line);
    if (!ferror(from))
        return good;
    log_error("standard input cannot be read");
    return false;
}

int ranges_lookup(const struct ranges_commands_options *o)
{
    struct table t;
    bool good = open_table(&t, o);
    bool opened = good;
    for (int i = 0; opened && i < o->n_arguments; i++) {
        bool answered = strcmp(o->arguments[i], "-") == 0
                            ? look_up_lines(&t, stdin)
                            : look_up(&t, str_from(o->arguments[i]), "argument", (size_t)i + 1);
        good = answered && good;
    }
    if (t.ranges != NULL && t.ranges->n_refused > 0)
        good = false; /* what was refused might have known better */
    close_table(&t);
    return fflush(stdout) == 0 && good ? 0 : 1;
}
