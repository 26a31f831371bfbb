#include "sys/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* A line is written with one write(), so that threads and processes do not mix theirs; a longer one
 * is cut. */
#define LINE_MAX_BYTES 4096

static const char *program_name = "archeio";
static _Atomic int shown_level = LOG_LEVEL_INFO;

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&shown_level, (int)level, memory_order_relaxed);
}

/* Appends message to line, controls as \xNN; what does not fit before the end is left out. */
static size_t escape(char *line, size_t at, const char *message)
{
    static const char hex[] = "0123456789abcdef";
    for (const unsigned char *c = (const unsigned char *)message; *c != '\0'; c++) {
        if (at + 5 > LINE_MAX_BYTES)
            break;
        if (*c >= 0x20 && *c != 0x7f) {
            line[at++] = (char)*c;
            continue;
        }
        line[at++] = '\\';
        line[at++] = 'x';
        line[at++] = hex[*c >> 4];
        line[at++] = hex[*c & 15];
    }
    return at;
}

static void write_all(const char *line, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, line, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads our messages: nothing better to do than to go on */
        line += n;
        len -= (size_t)n;
    }
}

__attribute__((format(printf, 2, 0))) static void say(enum log_level level, const char *format,
                                                      va_list arguments)
{
    static const char *const word[] = {"error: ", "warning: ", "", "debug: "};
    if ((int)level > atomic_load_explicit(&shown_level, memory_order_relaxed))
        return;
    int saved = errno;
    char message[LINE_MAX_BYTES], line[LINE_MAX_BYTES];
    if (vsnprintf(message, sizeof(message), format, arguments) >= 0) {
        int n = snprintf(line, sizeof(line), "%.64s: %s", program_name, word[level]);
        size_t len = escape(line, (size_t)n, message);
        line[len++] = '\n';
        write_all(line, len);
    }
    errno = saved;
}

void log_error(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_ERROR, format, arguments);
    va_end(arguments);
}

void log_warning(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_WARNING, format, arguments);
    va_end(arguments);
}

void log_info(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_INFO, format, arguments);
    va_end(arguments);
}

void log_debug(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(LOG_LEVEL_DEBUG, format, arguments);
    va_end(arguments);
}
