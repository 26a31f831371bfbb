/*
 * How many connections each client has open, over all workers: `server.max_connections_per_client`.
 * A client is an IPv4 address or an IPv6 /64.
 *
 * The counts are exact, in a table with room for twice as many clients as there can be connections.
 * It is locked for a moment when a connection begins and when it ends; requests do not touch it.
 */
#ifndef SERVER_CROWD_H
#define SERVER_CROWD_H

#include <archeio/addr.h>
#include <pthread.h>

struct crowd { /* private; all zero is one that is not open */
    struct crowd_entry *entry;
    uint64_t mask;
    uint64_t seed;
    pthread_mutex_t lock;
};

/* For so many connections at once. False: no memory or no randomness; crowd_close() in every case.
 */
bool crowd_open(struct crowd *c, uint64_t connections);
void crowd_close(struct crowd *c);

/* One more connection, if that makes no more than `most`. False: it is one too many, and was not
 * counted. An address of no family is not counted. Any thread, as the next. */
bool crowd_enter(struct crowd *c, const struct addr *client, uint64_t most);

/* One that was counted has gone. */
void crowd_leave(struct crowd *c, const struct addr *client);

#endif
