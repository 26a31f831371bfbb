/*
 * Reads tests/hostile/http1.rows, whose first lines say what stands in it.
 */
#ifndef TESTS_UNIT_HTTP_ROWS_H
#define TESTS_UNIT_HTTP_ROWS_H

#include "check.h"

#include <stdlib.h>

struct row {
    char name[64];
    char parser[8];
    char *bytes; /* owned */
    size_t len;
};

struct rows {
    struct row row[600];
    size_t n;
};

struct rows_text {
    const char *next;
    const char *end;
};

static inline void rows_put(struct row *row, char c)
{
    if ((row->len & (row->len + 1)) == 0) /* full at every power of two less one */
        row->bytes = realloc(row->bytes, 2 * row->len + 2);
    row->bytes[row->len++] = c;
}

static inline void rows_decode(struct row *row, struct rows_text text);

/* "N:TEXT}", after its "\{". */
static inline void rows_repeat(struct row *row, struct rows_text *text)
{
    char *colon;
    unsigned long times = strtoul(text->next, &colon, 10);
    const char *close = memchr(colon, '}', (size_t)(text->end - colon));
    assert_non_null(close);
    for (unsigned long i = 0; i < times; i++)
        rows_decode(row, (struct rows_text){colon + 1, close});
    text->next = close + 1;
}

static inline void rows_escape(struct row *row, struct rows_text *text)
{
    char hex[3] = {0};
    char c = *text->next++;
    switch (c) {
    case 'r':
        rows_put(row, '\r');
        break;
    case 'n':
        rows_put(row, '\n');
        break;
    case 't':
        rows_put(row, '\t');
        break;
    case 'x':
        memcpy(hex, text->next, 2);
        rows_put(row, (char)strtoul(hex, NULL, 16));
        text->next += 2;
        break;
    case '{':
        rows_repeat(row, text);
        break;
    default:
        rows_put(row, c);
        break;
    }
}

static inline void rows_decode(struct row *row, struct rows_text text)
{
    while (text.next < text.end) {
        char c = *text.next++;
        if (c == '\\')
            rows_escape(row, &text);
        else
            rows_put(row, c);
    }
}

static inline struct rows *rows_read(void)
{
    FILE *file = fopen(TESTS_DIR "/hostile/http1.rows", "r");
    assert_non_null(file);
    struct rows *rows = calloc(1, sizeof(*rows));
    char line[8192];
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#' || line[0] == '\n')
            continue;
        int at = 0;
        assert_true(rows->n < sizeof(rows->row) / sizeof(rows->row[0]));
        struct row *row = &rows->row[rows->n++];
        assert_int_equal(sscanf(line, "%63s %7s %*s %n", row->name, row->parser, &at), 2);
        rows_decode(row, (struct rows_text){line + at, line + strcspn(line, "\n")});
    }
    fclose(file);
    return rows;
}

static inline void rows_free(struct rows *rows)
{
    for (size_t i = 0; i < rows->n; i++)
        free(rows->row[i].bytes);
    free(rows);
}

#endif
