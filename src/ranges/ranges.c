#include "ranges/ranges.h"

#include "ranges/own.h"
#include "ranges/provider.h"
#include "sys/file.h"
#include "sys/xalloc.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

/* Reads one file's bytes into the set, or leaves the set as it was. */
static bool read_file(struct set *s, const char *path, struct str data, int64_t modified,
                      struct diag *d)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    bool own = str_ends(str_from(name), STR(".txt")), good;
    struct set_mark mark;
    if (!set_begin(s, name, own, &mark)) {
        diag_error(d, (struct diag_at){path, 0, 0}, "there are too many files in the directory");
        return false;
    }
    good = own ? own_read(s, path, data, d) : provider_read(s, path, name, data, d);
    if (good && s->n_entries == mark.n_entries) {
        diag_error(d, (struct diag_at){path, 0, 0}, "holds no prefixes");
        good = false;
    }
    if (!good)
        set_undo(s, &mark);
    else if (set_file(s)->modified == 0)
        set_file(s)->modified = modified;
    return good;
}

struct ranges *ranges_parse(const char *name, const char *data, size_t len, struct diag *d)
{
    struct set *s = set_new();
    if (read_file(s, name, str_make(data, len), 0, d))
        return set_finish(s);
    set_free(s);
    return NULL;
}

static int is_ranges_file(const struct dirent *e)
{
    struct str name = str_from(e->d_name);
    return name.data[0] != '.' && (str_ends(name, STR(".json")) || str_ends(name, STR(".txt")));
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static char *join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char *path = xalloc_zero(size, 1);
    snprintf(path, size, "%s/%s", directory, name);
    return path;
}

static bool load_file(struct set *s, const char *path, struct diag *d)
{
    struct stat st;
    char *data;
    size_t len;
    int error = file_read(path, RANGES_FILE_MAX, &data, &len, &st);
    if (error != 0) {
        diag_error(d, (struct diag_at){path, 0, 0}, "%s",
                   error == EFBIG ? "is larger than 64 MiB" : strerror(error));
        return false;
    }
    bool good = read_file(s, path, str_make(data, len), st.st_mtime, d);
    free(data);
    return good;
}

/* What somebody holds in memory under a file's name. */
static const struct ranges_held *find_held(const struct ranges_held *held, size_t n,
                                           const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(held[i].name, name) == 0)
            return &held[i];
    return NULL;
}

static void take_held(struct set *s, const struct ranges_held *held)
{
    struct set_mark mark;
    const struct ranges *r = held->ranges;
    if (!set_begin(s, held->name, false, &mark))
        return;
    struct ranges_file *file = set_file(s);
    const struct ranges_file *was = &r->file[0];
    file->cloud = xalloc_text(was->cloud);
    file->modified = was->modified;
    file->duplicates = was->duplicates;
    file->conflicts = was->conflicts;
    file->host_bits = was->host_bits;
    for (size_t i = 0; i < r->n_ranges; i++) {
        const struct policy_place *place = &r->place[r->range[i].place];
        if (set_add(s, &r->range[i].prefix, place->cloud, place->region) != NULL) {
            set_undo(s, &mark);
            return;
        }
    }
}

/* One that is missing is one into which nothing was fetched yet; any other that cannot be read is
 * refused. Returns how many refusals that is. */
static size_t report_directory(const char *directory, int error, struct diag *d)
{
    struct diag_at at = {directory, 0, 0};
    struct stat st;
    if (error == ENOENT) {
        diag_warning(d, at, "does not exist yet; `archeio ranges update` makes and fills it");
        return 0;
    }
    bool other = stat(directory, &st) == 0 && !S_ISDIR(st.st_mode);
    diag_error(d, at,
               "%s%s; expected a directory that can be read: name it in ranges.directory or with "
               "--directory",
               other ? "is no directory" : "cannot be read: ", other ? "" : strerror(error));
    return 1;
}

static size_t load_directory(struct set *s, const char *directory, const struct ranges_held *held,
                             size_t n_held, struct diag *d)
{
    struct dirent **entry;
    size_t refused = 0;
    int n = scandir(directory, &entry, is_ranges_file, compare_names);
    if (n < 0 && n_held > 0)
        return 0;
    if (n < 0)
        return report_directory(directory, errno, d);
    if (n == 0 && n_held == 0)
        diag_warning(d, (struct diag_at){directory, 0, 0},
                     "holds no ranges files; fetch them with `archeio ranges update`");
    for (int i = 0; i < n; i++) {
        if (find_held(held, n_held, entry[i]->d_name) == NULL) {
            char *path = join(directory, entry[i]->d_name);
            refused += !load_file(s, path, d);
            free(path);
        }
        free(entry[i]);
    }
    free(entry);
    return refused;
}

struct ranges *ranges_load_with(const char *directory, const struct ranges_held *held,
                                size_t n_held, struct diag *d)
{
    struct set *s = set_new();
    for (size_t i = 0; i < n_held; i++)
        take_held(s, &held[i]);
    size_t refused = load_directory(s, directory, held, n_held, d);
    struct ranges *r = set_finish(s);
    r->n_refused = refused;
    return r;
}

struct ranges *ranges_load(const char *directory, struct diag *d)
{
    return ranges_load_with(directory, NULL, 0, d);
}

void ranges_free(struct ranges *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_files; i++) {
        free(r->file[i].name);
        free(r->file[i].cloud);
    }
    free(r->file);
    free(r->range);
    free(r->place);
    free(r->text);
    free(r);
}
