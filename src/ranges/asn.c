#include "ranges/asn.h"

#include "ranges/asn_mmdb.h"
#include "ranges/asn_text.h"
#include "sys/file.h"
#include "sys/xalloc.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

int asn_compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

bool asn_is_named(const struct asn_named *named, uint32_t asn)
{
    if (asn == 0 || named == NULL)
        return asn != 0;
    return named->n > 0 && bsearch(&asn, named->asn, named->n, sizeof(asn), asn_compare) != NULL;
}

/* ── Files ── */

static bool is_mmdb(const char *name)
{
    return str_ends(str_from(name), STR(".mmdb"));
}

static bool is_own(const char *name)
{
    return str_ends(str_from(name), STR(".asn"));
}

/* Those who publish "asn-ipv4.csv" publish "asn-ipv4-num.csv", too, with numbers for addresses. */
static bool is_spans(const char *name)
{
    struct str text = str_from(name);
    return str_starts(text, STR("asn")) && str_ends(text, STR(".csv")) &&
           !str_ends(text, STR("-num.csv"));
}

static int is_asn_file(const struct dirent *e)
{
    const char *name = e->d_name;
    return name[0] != '.' && (is_mmdb(name) || is_own(name) || is_spans(name));
}

static int by_precedence(const struct dirent **a, const struct dirent **b)
{
    int order = (int)is_own((*b)->d_name) - (int)is_own((*a)->d_name);
    return order != 0 ? order : strcmp((*a)->d_name, (*b)->d_name);
}

void asn_files(const char *directory, struct asn_files *out)
{
    struct dirent **entry;
    int n = scandir(directory, &entry, is_asn_file, by_precedence);
    *out = (struct asn_files){NULL, 0};
    if (n < 0)
        return;
    out->path = xalloc_zero((size_t)n, sizeof(*out->path));
    for (; out->n < (size_t)n; out->n++) {
        out->path[out->n] = xalloc_format("%s/%s", directory, entry[out->n]->d_name);
        free(entry[out->n]);
    }
    free(entry);
}

void asn_files_release(struct asn_files *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->path[i]);
    free(f->path);
    *f = (struct asn_files){NULL, 0};
}

bool asn_read(const struct asn_sink *to, const char *path, struct diag *d)
{
    char *data;
    size_t len;
    int error = file_read(path, RANGES_FILE_MAX, &data, &len, NULL);
    if (error != 0) {
        diag_error(d, (struct diag_at){path, 0, 0}, "%s",
                   error == EFBIG ? "is larger than 64 MiB" : strerror(error));
        return false;
    }
    bool good = (is_mmdb(path) ? asn_mmdb_read : asn_text_read)(to, path, str_make(data, len), d);
    free(data);
    return good;
}

/* ── The table ── */

static bool add(void *context, const struct asn_word *word)
{
    struct asn_table *t = context;
    if (t->n == ASN_PREFIXES_MAX)
        return false;
    t->entry = xalloc_grow(t->entry, t->n, sizeof(*t->entry));
    t->entry[t->n++] = (struct overlay_asn){word->prefix, word->asn};
    return true;
}

void asn_load(const char *directory, const struct asn_named *named, struct asn_table *out,
              struct diag *d)
{
    const struct asn_sink sink = {.take = add, .context = out, .named = named};
    struct asn_files files;
    *out = (struct asn_table){NULL, 0};
    asn_files(directory, &files);
    if (files.n == 0)
        diag_warning(d, (struct diag_at){directory, 0, 0},
                     "routes or providers name autonomous systems, and no file here says which "
                     "addresses are theirs, so that nobody is of any: put one there (*.mmdb, "
                     "*.asn or asn*.csv)");
    for (size_t i = 0; i < files.n; i++) {
        const size_t before = out->n;
        if (!asn_read(&sink, files.path[i], d))
            out->n = before;
    }
    asn_files_release(&files);
}

void asn_release(struct asn_table *t)
{
    free(t->entry);
    *t = (struct asn_table){NULL, 0};
}
