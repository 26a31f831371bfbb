/*
 * The access log: one JSON object a line, formatted and written by a thread of its own. A worker
 * copies what it knows of a request into its ring, without a lock, a system call or waiting; if
 * the ring is full, the record is dropped and counted.
 */
#ifndef SERVER_ACCESS_H
#define SERVER_ACCESS_H

#include <archeio/addr.h>
#include <archeio/str.h>
#include <stdbool.h>
#include <stdint.h>

struct access_log;
struct access_ring;

/* What is variable is cut to fit; views are read during access_put() only. */
struct access_record {
    int64_t time_us; /* Unix microseconds, of the answer */
    int64_t duration_ns;
    struct addr client;
    struct addr asker; /* who asked the decision endpoint; of no family: the client came itself */
    uint16_t status;
    uint8_t step;   /* enum decide_step; 0: no decision was made */
    int8_t cache;   /* enum exist_state; -1: not looked at */
    bool http2;     /* what the request came by; else HTTP/1.1 */
    uint32_t bytes; /* of the answer */
    struct str cloud, region, method, host, path, route, store, user_agent;
    struct str trace; /* traceparent or X-Cloud-Trace-Context, as received */
};

/* target: "stdout" or a file, opened for appending (0640). NULL and an errno: it cannot be. The
 * thread is started. */
struct access_log *access_open(const char *target, unsigned workers, int *error);

/* Writes what is in the rings, ends the thread, releases everything. NULL is harmless. */
void access_close(struct access_log *log);

/* Opens target anew: after a rotation (SIGHUP), or since it was changed. 0 or an errno: then the
 * old one stays. */
int access_reopen(struct access_log *log, const char *target);

struct access_ring *access_ring(struct access_log *log, unsigned worker);

/* Puts a record into the worker's own ring. */
void access_put(struct access_ring *ring, const struct access_record *record);

/* Hands over what was put: once per turn of the worker's loop. */
void access_publish(struct access_ring *ring);

/* Records that were dropped: the ring was full, or the file took no more. */
uint64_t access_dropped(const struct access_log *log);

#endif
