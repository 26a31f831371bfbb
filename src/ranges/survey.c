#include "ranges/survey.h"

#include "sys/xalloc.h"

#include <stdlib.h>
#include <sys/stat.h>

static const char *name_of(const char *path)
{
    return strrchr(path, '/') + 1;
}

/* ── Files ── */

struct count {
    uint32_t *asn; /* of each prefix that has one */
    size_t n;
    size_t prefixes;
};

static bool count(void *context, const struct asn_word *word)
{
    struct count *c = context;
    if (c->prefixes++ == ASN_PREFIXES_MAX)
        return false;
    if (word->asn == 0)
        return true;
    c->asn = xalloc_grow(c->asn, c->n, sizeof(*c->asn));
    c->asn[c->n++] = word->asn;
    return true;
}

static size_t count_systems(struct count *c)
{
    size_t n = 0;
    if (c->n > 0)
        qsort(c->asn, c->n, sizeof(*c->asn), asn_compare);
    for (size_t i = 0; i < c->n; i++)
        n += i == 0 || c->asn[i - 1] != c->asn[i];
    return n;
}

void survey_make(const char *directory, struct survey *out, struct diag *d)
{
    struct asn_files files;
    *out = (struct survey){.n_files = 0};
    asn_files(directory, &files);
    out->file = xalloc_zero(files.n, sizeof(*out->file));
    for (size_t i = 0; i < files.n; i++) {
        struct count c = {.n = 0};
        struct stat st;
        const struct asn_sink sink = {.take = count, .context = &c};
        if (asn_read(&sink, files.path[i], d))
            out->file[out->n_files++] = (struct survey_file){
                .name = xalloc_text(name_of(files.path[i])),
                .modified = stat(files.path[i], &st) == 0 ? st.st_mtime : 0,
                .prefixes = c.prefixes,
                .systems = count_systems(&c),
            };
        else
            out->n_refused++;
        free(c.asn);
    }
    asn_files_release(&files);
}

void survey_release(struct survey *s)
{
    for (size_t i = 0; i < s->n_files; i++)
        free(s->file[i].name);
    free(s->file);
    *s = (struct survey){.n_files = 0};
}

/* ── One address ── */

struct search {
    const struct addr *address;
    struct survey_answer *best;
    const char *file;
};

static bool compare(void *context, const struct asn_word *word)
{
    struct search *s = context;
    if (!prefix_holds(&word->prefix, s->address) ||
        (s->best->found && word->prefix.bits <= s->best->prefix.bits))
        return true;
    survey_answer_release(s->best);
    *s->best = (struct survey_answer){
        .found = true,
        .asn = word->asn,
        .prefix = word->prefix,
        .name = xalloc_copy(word->name.data, word->name.len),
        .file = xalloc_text(s->file),
    };
    return true;
}

/* A file may be refused after it has answered: what it said is compared with the others' then. */
void survey_find(const char *directory, const struct addr *a, struct survey_answer *out,
                 struct diag *d)
{
    struct survey_answer best = {.found = false};
    struct asn_files files;
    asn_files(directory, &files);
    for (size_t i = 0; i < files.n; i++) {
        struct survey_answer answer = {.found = false}, worse;
        struct search search = {a, &answer, name_of(files.path[i])};
        const struct asn_sink sink = {.take = compare, .context = &search, .names = true};
        const bool good = asn_read(&sink, files.path[i], d);
        const bool longer =
            good && answer.found && (!best.found || answer.prefix.bits > best.prefix.bits);
        worse = longer ? best : answer;
        best = longer ? answer : best;
        survey_answer_release(&worse);
    }
    asn_files_release(&files);
    *out = best;
}

void survey_answer_release(struct survey_answer *a)
{
    free(a->name);
    free(a->file);
    *a = (struct survey_answer){.found = false};
}
