/*
 * The lines of a file of any size and content.
 */
#ifndef CLI_LOG_LINES_H
#define CLI_LOG_LINES_H

#include <archeio/str.h>
#include <stdint.h>

#define LOG_LINES_MAX (256U << 10) /* bytes of a line; serve writes a quarter of that at most */

enum log_lines_next { LOG_LINES_LINE, LOG_LINES_LONG, LOG_LINES_END, LOG_LINES_ERROR };

struct log_lines {
    int fd; /* of the caller */
    char *memory;
    size_t begin;
    size_t end;
    uint64_t line; /* number of the one that was read last, from 1 */
    bool at_end;
};

/* log_lines_close() it; it does not close fd. */
void log_lines_open(struct log_lines *l, int fd);
void log_lines_close(struct log_lines *l);

/* The next line, without its end, valid until the next call; LOG_LINES_LONG: it was too long and
 * has been passed over; LOG_LINES_ERROR: errno says what. */
enum log_lines_next log_lines_next(struct log_lines *l, struct str *line);

#endif
