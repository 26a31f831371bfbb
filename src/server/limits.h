/*
 * What the machine allows: CPUs and descriptors.
 */
#ifndef SERVER_LIMITS_H
#define SERVER_LIMITS_H

#include <stdint.h>

/* How many workers there should be: the CPUs of the affinity mask, at most as many as the cgroup's
 * quota (v2, cpu.max, of this process's group and those above it) rounds up to. */
unsigned limits_workers(void);

/* The CPU for a worker: the i-th of the affinity mask; -1 if there are fewer. */
int limits_cpu(unsigned i);

/* Raises the descriptor limit to what is allowed; how many connections fit below it. */
uint64_t limits_connections(void);

#endif
