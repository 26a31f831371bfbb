/*
 * Values as text: what a setting may say, and how it is said again. Readers return NULL, or what
 * was expected (static, reads well after "expected"); *out is then untouched.
 */
#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

#include <archeio/snapshot.h>
#include <stdint.h>

/* Bytes of a URL, without room for what is put behind it (archeio/snapshot.h). */
#define VALUE_URL_MAX (SNAPSHOT_URL_MAX - 64)

/* "620s", "1500ms", "0": nanoseconds. One integer, one unit: ms, s, m, h, d. */
const char *value_duration(struct str text, int64_t *out);

/* "64MiB", "65536B", "0": bytes. Units: B, KiB, MiB, GiB. */
const char *value_size(struct str text, uint64_t *out);

/* "50/s", "0": events an hour. Units: /s, /m, /h. */
const char *value_rate(struct str text, uint64_t *out);

/* "20%". */
const char *value_percent(struct str text, uint64_t *out);

/* Room for any of the following and its terminator. */
#define VALUE_TEXT_MAX 32
void value_format_duration(int64_t value, char out[VALUE_TEXT_MAX]); /* "90s", "0s" */
void value_format_size(uint64_t value, char out[VALUE_TEXT_MAX]);    /* "64MiB", "0B" */
void value_format_rate(uint64_t value, char out[VALUE_TEXT_MAX]);    /* "50/s", "0" */

/* "[::]:8080", "192.0.2.1:80", ":8080": ip/endpoint.h. */
const char *value_listen(struct str text);

/* An absolute http or https URL with a host, in ASCII, without userinfo. A base to which paths are
 * added has neither query nor fragment; a page may. */
const char *value_base_url(struct str text);
const char *value_page_url(struct str text);

/* Repository segments: "mirror/images". */
const char *value_path(struct str text);

/* The path of a file: UTF-8 (messages and `archeio config` print it), less than 4096 bytes. */
const char *value_file(struct str text);

/* "default" (both empty), "CLOUD" (region empty) or "CLOUD/REGION": views into text, the
 * names fit (base/name.h). */
const char *value_place(struct str text, struct str *cloud, struct str *region);

/* The code point at the front of s (not empty) and its bytes; 0 bytes if that is not UTF-8
 * (RFC 3629 section 4). */
size_t value_utf8(struct str s, uint32_t *out);

/* Without the slashes at its end (or at both ends). */
struct str value_trim_end(struct str s);
struct str value_trim(struct str s);

#endif
