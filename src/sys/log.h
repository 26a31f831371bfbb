/*
 * The program's own messages: one line each to standard error, "archeio: warning: ..." or a JSON
 * object. Never used on the request path. Safe from any thread; a line is one write.
 */
#ifndef SYS_LOG_H
#define SYS_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* "error", "warning", "info", "debug". */
const char *log_level_name(enum log_level level);

/* Once, at start: the program's name (static) and the least urgent level that is shown. */
void log_init(const char *program, enum log_level level);
void log_set_level(enum log_level level);

/* From here on a line is a JSON object: "time", "level", "message". */
void log_set_json(void);

/* RFC 3339, in UTC, to the millisecond, terminated: what such a line has as its time. */
#define LOG_TIME_MAX 32
void log_time(char out[LOG_TIME_MAX]);

/* Bytes below 0x20 and 0x7f in the message come out as \xNN: no text from outside forges a line. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
