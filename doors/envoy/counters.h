/*
 * What is counted beside Envoy's own counters; "wasmcustom." stands before the names there. What
 * happens with every request is not here: a counter costs as much as the decision.
 */
#ifndef ENVOY_COUNTERS_H
#define ENVOY_COUNTERS_H

#include <stdint.h>

enum counters_name {
    COUNTERS_PASSED,           /* requests that went on to the route, for want of a snapshot */
    COUNTERS_SNAPSHOT_REFUSED, /* configurations whose snapshot is missing or corrupt */
    COUNTERS_CLIENT_UNUSABLE,  /* requests whose client's address could not be read */
    COUNTERS_HEADS,            /* questions to stores */
    COUNTERS_HEAD_ERRORS,      /* of those, without a usable answer */
    COUNTERS_HEADS_REFUSED,    /* that were not asked, for want of room */
    COUNTERS_GAVE_UP,          /* requests that waited too long for an answer */
    COUNTERS_STORE_DOWN,       /* times that a store was found to be down */
    COUNTERS
};

struct counters {
    uint32_t id[COUNTERS];
};

struct counters counters_open(void);
void counters_add(const struct counters *c, enum counters_name name);

#endif
