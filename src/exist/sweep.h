/*
 * What the prober does by the clock: watch stores, try those that are down, remove what has
 * expired, renew what is used before it expires.
 */
#ifndef EXIST_SWEEP_H
#define EXIST_SWEEP_H

#include "exist/prober.h"

/* Does what is due; returns when to come again, in ms; -1: nothing is ever due. */
int sweep_tick(struct prober *p, int64_t now);

/* A HEAD to that store has ended. */
void sweep_note(struct prober *p, struct store *store, enum flight_kind kind,
                enum exist_state state, int64_t now);

#endif
