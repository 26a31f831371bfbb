/*
 * Time. Monotonic nanoseconds for what is measured and waited for, Unix seconds for what is shown.
 */
#ifndef SYS_CLOCK_H
#define SYS_CLOCK_H

#include <stdint.h>

#define CLOCK_MS 1000000LL /* nanoseconds */
#define CLOCK_S 1000000000LL

/* CLOCK_MONOTONIC; clock_coarse() is up to 4 ms behind and costs a tenth. */
int64_t clock_now(void);
int64_t clock_coarse(void);

/* Unix seconds; clock_wall_us() in microseconds. */
int64_t clock_wall(void);
int64_t clock_wall_us(void);

#endif
