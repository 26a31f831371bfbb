#include "sys/log.h"

#include "base/buf.h"
#include "sys/clock.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A line is written with one write(), so that threads and processes do not mix theirs; a longer one
 * is cut. */
#define LINE_MAX_BYTES 4096

static const char *program_name = "archeio";
static _Atomic int shown_level = LOG_LEVEL_INFO;
static atomic_bool json;

void log_init(const char *program, enum log_level level)
{
    program_name = program;
    log_set_level(level);
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&shown_level, (int)level, memory_order_relaxed);
}

void log_set_json(void)
{
    atomic_store(&json, true);
}

const char *log_level_name(enum log_level level)
{
    static const char *const name[] = {"error", "warning", "info", "debug"};
    return name[level];
}

void log_time(char out[LOG_TIME_MAX])
{
    struct tm tm;
    int64_t now = clock_wall_us();
    time_t seconds = (time_t)(now / 1000000);
    gmtime_r(&seconds, &tm);
    size_t len = strftime(out, LOG_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + len, LOG_TIME_MAX - len, ".%03dZ", (int)(now / 1000 % 1000));
}

/* A message that is too long is cut before, lest the line be no JSON. */
static size_t put_json(char line[LINE_MAX_BYTES], enum log_level level, const char *message)
{
    char when[LOG_TIME_MAX];
    struct buf b = buf_make(line, LINE_MAX_BYTES - 1);
    struct str text = str_from(message);
    size_t most = (LINE_MAX_BYTES - 128) / 6; /* as every byte may become six */
    log_time(when);
    buf_text(&b, "{\"time\":\"");
    buf_text(&b, when);
    buf_text(&b, "\",\"level\":\"");
    buf_text(&b, log_level_name(level));
    buf_text(&b, "\",\"message\":\"");
    buf_json(&b, str_make(text.data, text.len < most ? text.len : most));
    buf_text(&b, "\"}");
    return b.len;
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
        size_t len;
        if (atomic_load_explicit(&json, memory_order_relaxed)) {
            len = put_json(line, level, message);
        } else {
            int n = snprintf(line, sizeof(line), "%.64s: %s", program_name, word[level]);
            len = escape(line, (size_t)n, message);
        }
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
