/*
 * The end: nothing that was accepted is lost.
 *
 *   /readyz says 503; everything else goes on           server.shutdown_delay
 *   no new connection is begun; begun ones come in      DRAIN_REFUSE
 *   accept queues are emptied, listeners closed;
 *   every connection ends after its next answer         server.drain_timeout, from the refusal on
 *   what is left is closed
 */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include "server/control.h"

#define DRAIN_REFUSE (250 * CLOCK_MS) /* a handshake takes one round trip */

void drain_begin(struct control *s);

/* A second signal: ends at once. */
void drain_now(struct control *s);

/* Enters the next phase, if it is time. */
void drain_advance(struct control *s);

/* Every worker has ended. */
bool drain_over(const struct control *s);

#endif
