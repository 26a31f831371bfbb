/*
 * The thread that keeps indexes current: it asks each store that has one for the pointer, loads the
 * set that it names if it is another, and publishes it.
 *
 * One store after the other, each every index_refresh, give or take a tenth. Whatever goes wrong is
 * counted, and logged when it begins and when it is over; the set that was there is believed for
 * index_max_age since it was made and present_ttl since it was last found to be current, no longer.
 * A set that came in vain is asked for ever more rarely, though once an hour at least, until the
 * pointer is another.
 */
#ifndef EXIST_INDEX_THREAD_H
#define EXIST_INDEX_THREAD_H

#include "exist/index.h"

struct exist;
struct index_thread;

/* Without a thread yet. NULL: no memory. For the control thread, as all here. */
struct index_thread *index_thread_new(struct exist *e);

/* Ends the thread, if there is one, within a second or so. */
void index_thread_free(struct index_thread *t);

/* Other stores, or other settings of `e`. The indexes of stores that are not named are let go of.
 * False: no memory, or no thread to be had; it has been logged. */
bool index_thread_follow(struct index_thread *t, const uint32_t *stores, size_t n);

#endif
