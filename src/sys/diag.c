#include "sys/diag.h"

#include "sys/log.h"
#include "sys/xalloc.h"
#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MAX 100
#define WORD_MAX 64 /* longer words have no nearest candidate */

__attribute__((format(printf, 4, 0))) static void add(struct diag *d, enum diag_severity severity,
                                                      struct diag_at at, const char *format,
                                                      va_list arguments)
{
    if (severity == DIAG_ERROR)
        d->n_errors++;
    size_t kept = 0;
    for (size_t i = 0; i < d->n; i++)
        kept += d->message[i].severity == severity;
    if (kept >= KEPT_MAX)
        return;
    char *text;
    if (vasprintf(&text, format, arguments) < 0)
        text = xalloc_text("out of memory");
    d->message = xalloc_grow(d->message, d->n, sizeof(*d->message));
    d->message[d->n++] = (struct diag_message){
        .severity = severity,
        .file = xalloc_text(at.file != NULL ? at.file : ""),
        .line = at.line,
        .column = at.column,
        .text = text,
    };
}

void diag_error(struct diag *d, struct diag_at at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(d, DIAG_ERROR, at, format, arguments);
    va_end(arguments);
}

void diag_warning(struct diag *d, struct diag_at at, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(d, DIAG_WARNING, at, format, arguments);
    va_end(arguments);
}

static bool stands_before(const struct diag_message *a, const struct diag_message *b)
{
    return a->line < b->line || (a->line == b->line && a->column < b->column);
}

/* Insertion keeps those of one position in their order; there are few. */
void diag_sort(struct diag *d, size_t first)
{
    for (size_t i = first + 1; i < d->n; i++) {
        struct diag_message moving = d->message[i];
        size_t j = i;
        for (; j > first && stands_before(&moving, &d->message[j - 1]); j--)
            d->message[j] = d->message[j - 1];
        d->message[j] = moving;
    }
}

/* "FILE:LINE:COLUMN: " as far as it is known; free() it. */
static char *where(const struct diag_message *m)
{
    if (m->file[0] == '\0')
        return xalloc_text("");
    if (m->line == 0)
        return xalloc_format("%s: ", m->file);
    if (m->column == 0)
        return xalloc_format("%s:%u: ", m->file, m->line);
    return xalloc_format("%s:%u:%u: ", m->file, m->line, m->column);
}

static size_t not_kept(const struct diag *d)
{
    size_t errors = 0;
    for (size_t i = 0; i < d->n; i++)
        errors += d->message[i].severity == DIAG_ERROR;
    return d->n_errors - errors;
}

/* File names and values come from outside: no control character of theirs reaches a terminal. */
static void put_escaped(const char *text, FILE *to)
{
    for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f)
            fprintf(to, "\\x%02x", *c);
        else
            fputc(*c, to);
    }
}

void diag_print(const struct diag *d, FILE *to)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diag_message *m = &d->message[i];
        char *at = where(m);
        put_escaped(at, to);
        fputs(m->severity == DIAG_ERROR ? "error: " : "warning: ", to);
        put_escaped(m->text, to);
        fputc('\n', to);
        free(at);
    }
    if (not_kept(d) > 0)
        fprintf(to, "and %zu more errors\n", not_kept(d));
}

void diag_log(const struct diag *d)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct diag_message *m = &d->message[i];
        char *at = where(m);
        if (m->severity == DIAG_ERROR)
            log_error("%s%s", at, m->text);
        else
            log_warning("%s%s", at, m->text);
        free(at);
    }
    if (not_kept(d) > 0)
        log_error("and %zu more errors", not_kept(d));
}

void diag_clear(struct diag *d)
{
    for (size_t i = 0; i < d->n; i++) {
        free(d->message[i].file);
        free(d->message[i].text);
    }
    free(d->message);
    *d = (struct diag){0};
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/* Edits (insert, delete, replace, swap of neighbours) that make b of a, whatever their case; b is
 * at most WORD_MAX. */
static size_t distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    size_t rows[3][WORD_MAX + 1], *before = rows[0], *last = rows[1], *now = rows[2];
    memset(rows, 0, sizeof(rows));
    for (size_t j = 0; j <= b_len; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        now[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = last[j - 1] + !same_letter(a[i - 1], b[j - 1]);
            now[j] = least(replaced, least(last[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && same_letter(a[i - 1], b[j - 2]) &&
                same_letter(a[i - 2], b[j - 1]))
                now[j] = least(now[j], before[j - 2] + 1);
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[b_len];
}

const char *diag_nearest(const char *word, const char *const *candidates, size_t n)
{
    size_t len = strlen(word);
    const char *best = NULL;
    size_t best_edits = SIZE_MAX;
    if (len > WORD_MAX)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t candidate_len = strlen(candidates[i]);
        if (candidate_len > WORD_MAX)
            continue;
        size_t edits = distance(word, len, candidates[i], candidate_len);
        size_t longer = len > candidate_len ? len : candidate_len;
        if (edits < best_edits && edits * 3 <= longer) {
            best = candidates[i];
            best_edits = edits;
        }
    }
    return best;
}
