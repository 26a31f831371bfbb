#include "cli/ranges_commands.h"
#include "ranges/diff.h"
#include "ranges/update.h"
#include "sys/log.h"
#include <stdlib.h>

/* A region's name, or a dash. */
static struct str shown(struct str name)
{
    return name.len > 0 ? name : STR("-");
}

/* False if no prefix changed. */
static bool print_changes(const struct source *source, const struct update_result *result)
{
    if (result->outcome != UPDATE_CHANGED)
        return false;
    struct diff d = diff_ranges(result->before, result->after);
    bool changed = d.n_places > 0;
    if (changed)
        printf("%s: %zu prefixes, +%u -%u\n", source->cloud, result->after->n_ranges, d.added,
               d.removed);
    for (size_t i = 0; i < d.n_places; i++) {
        struct str region = shown(d.place[i].region);
        printf("  %-8.*s %-24.*s +%u -%u\n", (int)d.place[i].cloud.len, d.place[i].cloud.data,
               (int)region.len, region.data, d.place[i].added, d.place[i].removed);
    }
    diff_release(&d);
    return changed;
}

int ranges_update(const struct ranges_commands_options *o)
{
    const char *unchanged[SOURCE_COUNT] = {0};
    size_t n_unchanged = 0;
    struct state state;
    struct update_options options = {0};
    int code = 0;
    char *directory = ranges_commands_directory(o, &options.max_shrink);
    if (directory == NULL)
        return 1;
    options.directory = directory;
    state_read(&state, directory);
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        struct update_result result;
        update_source(i, &options, NULL, &state.entry[i], &result);
        if (result.outcome == UPDATE_FAILED) {
            log_error("%s not updated, %s: %s", source_table[i].file, result.kept, result.error);
            code = 1;
        } else {
            state_write(&state, directory);
            if (!print_changes(&source_table[i], &result))
                unchanged[n_unchanged++] = source_table[i].cloud;
        }
        update_release(&result);
    }
    for (size_t i = 0; i < n_unchanged; i++)
        printf("%s%s%s", i == 0 ? "unchanged: " : ", ", unchanged[i],
               i + 1 == n_unchanged ? "\n" : "");
    free(directory);
    return fflush(stdout) == 0 ? code : 1;
}
