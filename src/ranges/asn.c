#include "ranges/asn.h"

#include "sys/file.h"
#include "sys/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

bool asn_is_named(const struct asn_named *named, uint32_t asn)
{
    return asn != 0 && named->n > 0 &&
           bsearch(&asn, named->asn, named->n, sizeof(asn), by_number) != NULL;
}

bool asn_add(struct asn_table *t, const struct prefix *prefix, uint32_t asn)
{
    if (t->n == LPM_PREFIXES_MAX)
        return false;
    t->entry = xalloc_grow(t->entry, t->n, sizeof(*t->entry));
    t->entry[t->n++] = (struct overlay_asn){*prefix, asn};
    return true;
}

static bool is_mmdb(const char *name)
{
    return str_ends(str_from(name), STR(".mmdb"));
}

static int is_asn_file(const struct dirent *e)
{
    struct str name = str_from(e->d_name);
    return name.data[0] != '.' && (is_mmdb(e->d_name) || str_ends(name, STR(".asn")) ||
                                   (str_starts(name, STR("asn")) && str_ends(name, STR(".csv"))));
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_file(struct asn_table *t, const char *path, const struct asn_named *named,
                      struct diag *d)
{
    char *data;
    size_t len;
    if (is_mmdb(path)) {
        asn_mmdb_read(t, path, named, d);
        return;
    }
    int error = file_read(path, RANGES_FILE_MAX, &data, &len, NULL);
    if (error != 0) {
        diag_error(d, (struct diag_at){path, 0, 0}, "%s",
                   error == EFBIG ? "is larger than 64 MiB" : strerror(error));
        return;
    }
    asn_text_read(t, path, str_make(data, len), named, d);
    free(data);
}

void asn_load(const char *directory, const struct asn_named *named, struct asn_table *out,
              struct diag *d)
{
    struct dirent **entry;
    *out = (struct asn_table){NULL, 0};
    int n = scandir(directory, &entry, is_asn_file, by_name);
    if (n < 0)
        return;
    if (n == 0)
        diag_warning(d, (struct diag_at){directory, 0, 0},
                     "routes or providers name autonomous systems, and no file here says whose "
                     "addresses are: put one there (*.mmdb, *.asn or asn*.csv)");
    for (int i = 0; i < n; i++) {
        char *path = xalloc_format("%s/%s", directory, entry[i]->d_name);
        load_file(out, path, named, d);
        free(path);
        free(entry[i]);
    }
    free(entry);
}

void asn_release(struct asn_table *t)
{
    free(t->entry);
    *t = (struct asn_table){NULL, 0};
}
