/*
 * When to try again what failed.
 */
#ifndef MIRROR_RETRY_H
#define MIRROR_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#define RETRY_ATTEMPTS 6
#define RETRY_AFTER_MAX (600 * 1000) /* milliseconds: nobody is waited for longer */

/* Statuses that may be others the next time: 408, 429, 499 (a proxy's client went away), 500, 502
 * to 504. */
bool retry_status(long status);

/* Retry-After (RFC 9110 section 10.2.3) in either form, as milliseconds from now (seconds since
 * 1970), at most RETRY_AFTER_MAX; 0 where value is NULL or neither form. */
int64_t retry_after(const char *value, int64_t now);

/* How long to wait after the attempt-th failure (from 1): at random up to a limit that doubles,
 * half a second at first, half a minute at most ("full jitter": many that failed together do not
 * come back together); and not less than was asked for. */
int64_t retry_delay(unsigned attempt, int64_t after, uint64_t random);

#endif
