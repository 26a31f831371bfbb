#include "ranges/state.h"

#include "base/num.h"
#include "sys/file.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { FIELDS = 6, FILE_MODE = 0644, SIZE_LIMIT = 64 << 10 };

static char *path_in(const char *directory)
{
    static const char name[] = "/update.state";
    char *path = xalloc_zero(strlen(directory) + sizeof(name), 1);
    strcpy(path, directory);
    strcat(path, name);
    return path;
}

uint64_t state_hash(struct str content)
{
    return XXH3_64bits(content.data, content.len);
}

static bool is_field(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] < 0x20)
            return false;
    return true;
}

static bool copy(struct str from, char *to, size_t size)
{
    if (from.len >= size || !is_field(from))
        return false;
    if (from.len > 0)
        memcpy(to, from.data, from.len);
    to[from.len] = '\0';
    return true;
}

static struct state_entry *entry_of(struct state *s, struct str file)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (str_eq(file, str_from(source_table[i].file)))
            return &s->entry[i];
    return NULL;
}

static void read_line(struct state *s, struct str line)
{
    struct str field[FIELDS];
    struct state_entry e = {.checked = 0};
    uint64_t checked, modified;
    for (size_t i = 0; i < FIELDS; i++) {
        size_t end = i + 1 < FIELDS ? str_find(line, '\t') : line.len;
        field[i] = str_make(line.data, end);
        line = str_skip(line, end < line.len ? end + 1 : end);
    }
    struct state_entry *to = entry_of(s, field[0]);
    if (to != NULL && num_parse(field[1], INT64_MAX, &checked) &&
        num_parse(field[2], INT64_MAX, &modified) && num_parse(field[3], UINT64_MAX, &e.hash) &&
        copy(field[4], e.url, sizeof(e.url)) && copy(field[5], e.etag, sizeof(e.etag))) {
        e.checked = (int64_t)checked;
        e.modified = (int64_t)modified;
        *to = e;
    }
}

void state_read(struct state *s, const char *directory)
{
    char *path = path_in(directory), *data;
    struct stat st;
    size_t len;
    memset(s, 0, sizeof(*s));
    if (file_read(path, SIZE_LIMIT, &data, &len, &st) == 0) {
        struct str text = str_make(data, len);
        while (text.len > 0) {
            size_t end = str_find(text, '\n');
            read_line(s, str_make(text.data, end));
            text = str_skip(text, end < text.len ? end + 1 : end);
        }
        free(data);
    }
    free(path);
}

int state_write(const struct state *s, const char *directory)
{
    char *path = path_in(directory), *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    if (to == NULL) {
        free(path);
        return ENOMEM;
    }
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        const struct state_entry *e = &s->entry[i];
        bool kept = is_field(str_from(e->etag)) && is_field(str_from(e->url));
        if (e->checked > 0)
            fprintf(to, "%s\t%" PRId64 "\t%" PRId64 "\t%" PRIu64 "\t%s\t%s\n", source_table[i].file,
                    e->checked, e->modified, e->hash, kept ? e->url : "", kept ? e->etag : "");
    }
    const bool whole = fclose(to) == 0 && text != NULL; /* it may be lost without a word */
    int error = whole ? file_replace(path, text, len, FILE_MODE, 0) : ENOMEM;
    free(text);
    free(path);
    return error;
}
