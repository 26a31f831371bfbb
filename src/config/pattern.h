/*
 * Patterns of routes as people write them (base/glob.h), and which of them leave nothing to others.
 */
#ifndef CONFIG_PATTERN_H
#define CONFIG_PATTERN_H

#include <archeio/str.h>

#define PATTERN_MAX 1024 /* bytes */

/* NULL, or what was expected (static, reads well after "expected"). A pattern that no path or
 * repository can match is refused: ".", "..", broken escapes. */
const char *pattern_check_path(struct str text);
const char *pattern_check_repository(struct str text);

/* Does outer match every text that inner does? Where that is hard to say, no: true is always right.
 * Both have passed a check above. */
bool pattern_covers(struct str outer, struct str inner);

#endif
