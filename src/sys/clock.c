#include "sys/clock.h"

#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * CLOCK_S + t.tv_nsec;
}

int64_t clock_now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t clock_coarse(void)
{
    return read_clock(CLOCK_MONOTONIC_COARSE);
}

int64_t clock_wall(void)
{
    return read_clock(CLOCK_REALTIME) / CLOCK_S;
}

int64_t clock_wall_us(void)
{
    return read_clock(CLOCK_REALTIME) / 1000;
}
