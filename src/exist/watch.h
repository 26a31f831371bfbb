/*
 * What clients were last redirected to: per worker and store, when, and which digest. A worker
 * writes its own part alone, once a second and store at most; the prober reads.
 */
#ifndef EXIST_WATCH_H
#define EXIST_WATCH_H

#include <archeio/digest.h>
#include <stdatomic.h>

struct watch_digest;

/* One worker's. Memory is reserved for all stores, and touched for those that are used. */
struct watch {
    _Atomic uint32_t *second;
    struct watch_digest *digest;
    uint32_t n;
};

bool watch_open(struct watch *w, uint32_t n_stores);
void watch_close(struct watch *w);
uint64_t watch_bytes(const struct watch *w);

/* For the worker. second: of the monotonic clock, and not 0. */
void watch_note(struct watch *w, uint32_t store, const struct digest *d, uint32_t second);

/* For the prober: when it was; 0: never. */
uint32_t watch_second(const struct watch *w, uint32_t store);

/* Which digest it was. False: there was none, or the worker is writing it now. */
bool watch_read(const struct watch *w, uint32_t store, struct digest *d);

#endif
