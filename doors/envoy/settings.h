/*
 * What Envoy is told of the filter: its plugin configuration.
 *
 * Either text, one setting a line ("wait: 2s"; a line that begins with '#' and an empty one say
 * nothing), or nothing but the bytes of a snapshot, and then every setting has its default. The
 * settings stand in README.md; they bear the names that they have in archeio's own configuration.
 */
#ifndef ENVOY_SETTINGS_H
#define ENVOY_SETTINGS_H

#include <archeio/client.h>

#define SETTINGS_PROXIES_MAX 256
#define SETTINGS_SLOTS_MAX (UINT32_C(1) << 20)

struct settings {
    enum client_mode client;
    struct lpm_entry proxy[SETTINGS_PROXIES_MAX];
    size_t n_proxies;
    struct str clusters; /* the cluster of a store is this, and its name */
    int64_t present_ttl; /* nanoseconds, as all durations */
    int64_t absent_ttl;
    int64_t error_ttl;
    int64_t wait;        /* how long a request waits for answers from stores */
    int64_t timeout;     /* of a HEAD */
    uint32_t slots;      /* of the cache */
    struct str snapshot; /* empty: none; in memory_take()n memory if it had to be decoded */
};

/* Reads the whole of text, of which views are kept. False: a line is wrong; why, in a terminated
 * text, is written. */
#define SETTINGS_WHY_MAX 256
bool settings_read(struct str text, struct settings *s, char why[SETTINGS_WHY_MAX]);

#endif
