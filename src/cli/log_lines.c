#include "cli/log_lines.h"

#include "sys/xalloc.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define MEMORY (LOG_LINES_MAX + 1) /* a line, and what ends it */

void log_lines_open(struct log_lines *l, int fd)
{
    *l = (struct log_lines){.fd = fd, .memory = xalloc(MEMORY)};
}

void log_lines_close(struct log_lines *l)
{
    free(l->memory);
    l->memory = NULL;
}

/* Reads behind what is there; false: an error. */
static bool fill(struct log_lines *l)
{
    memmove(l->memory, l->memory + l->begin, l->end - l->begin);
    l->end -= l->begin;
    l->begin = 0;
    for (;;) {
        ssize_t n = read(l->fd, l->memory + l->end, MEMORY - l->end);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        l->end += (size_t)n;
        l->at_end = n == 0;
        return true;
    }
}

/* The line at the front, if all of it is there. */
static bool take(struct log_lines *l, struct str *line)
{
    const char *from = l->memory + l->begin;
    const size_t there = l->end - l->begin;
    const char *end = there > 0 ? memchr(from, '\n', there) : NULL;
    if (end == NULL && (!l->at_end || there == 0))
        return false;
    *line = str_make(from, end != NULL ? (size_t)(end - from) : there);
    l->begin += line->len + (end != NULL);
    return true;
}

enum log_lines_next log_lines_next(struct log_lines *l, struct str *line)
{
    bool is_long = false;
    l->line++;
    while (!take(l, line)) {
        if (l->at_end)
            return is_long ? LOG_LINES_LONG : LOG_LINES_END;
        if (l->end - l->begin == MEMORY) {
            is_long = true;
            l->begin = l->end = 0;
        }
        if (!fill(l))
            return LOG_LINES_ERROR;
    }
    return is_long ? LOG_LINES_LONG : LOG_LINES_LINE;
}
