/*
 * Chance that is the same in every run: xorshift64.
 */
#ifndef TESTS_UNIT_CHANCE_H
#define TESTS_UNIT_CHANCE_H

#include <stddef.h>
#include <stdint.h>

static uint64_t chance_state = 88172645463325252U;

static inline uint64_t chance_number(void)
{
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return chance_state;
}

/* 0 to below - 1. */
static inline size_t chance_below(size_t below)
{
    return (size_t)(chance_number() >> 16) % below;
}

#endif
