#include "exist/flights.h"

#include <assert.h>
#include <stdlib.h>

bool flights_open(struct flights *f, uint32_t n)
{
    uint32_t size = 1;
    while (size < n)
        size *= 2;
    *f = (struct flights){.mask = size - 1, .chain = calloc(size, sizeof(struct flight *))};
    return f->chain != NULL;
}

void flights_close(struct flights *f)
{
    for (uint32_t i = 0; f->chain != NULL && i <= f->mask; i++) {
        while (f->chain[i] != NULL) {
            struct flight *flight = f->chain[i];
            f->chain[i] = flight->next;
            free(flight->path);
            free(flight);
        }
    }
    free(f->chain);
    *f = (struct flights){0};
}

struct flight *flights_find(const struct flights *f, const struct key *key)
{
    struct flight *flight = f->chain[key->hash & f->mask];
    while (flight != NULL && !key_eq(&flight->key, key))
        flight = flight->next;
    return flight;
}

void flights_add(struct flights *f, struct flight *flight)
{
    struct flight **chain = &f->chain[flight->key.hash & f->mask];
    flight->next = *chain;
    *chain = flight;
    f->n++;
}

void flights_remove(struct flights *f, const struct flight *flight)
{
    struct flight **link = &f->chain[flight->key.hash & f->mask];
    while (*link != flight) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = flight->next;
    f->n--;
}

bool flights_hold(enum flight_kind kind)
{
    return kind == FLIGHT_ASKED || kind == FLIGHT_RECHECK;
}

void flights_answer(struct flight *flight, enum exist_state state)
{
    while (flight->subscribers != NULL) {
        struct asker_question *q = flight->subscribers;
        flight->subscribers = q->subscriber;
        asker_answer(q, state);
    }
}

void flights_answer_store(struct flights *f, const struct store *store, enum exist_state state)
{
    for (uint32_t i = 0; i <= f->mask; i++)
        for (struct flight *flight = f->chain[i]; flight != NULL; flight = flight->next)
            if (flight->store == store)
                flights_answer(flight, state);
}
