#include "io/wheel.h"

#include <stddef.h>
#include <string.h>

void wheel_init(struct wheel *w, int64_t now)
{
    memset(w, 0, sizeof(*w));
    w->tick = now / WHEEL_TICK;
}

static void unlink_timer(struct wheel *w, struct wheel_timer *t)
{
    uint64_t slot = (uint64_t)t->tick % WHEEL_SLOTS;
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    t->link = NULL;
    w->queued--;
    if (w->slot[slot] == NULL)
        w->occupied[slot / 64] &= ~(UINT64_C(1) << slot % 64);
}

/* In the slot after its deadline, or in the farthest that there is: it is looked at there. */
static void queue(struct wheel *w, struct wheel_timer *t)
{
    int64_t tick = t->deadline / WHEEL_TICK + 1;
    if (tick < w->tick)
        tick = w->tick;
    if (tick > w->tick + WHEEL_SLOTS - 1)
        tick = w->tick + WHEEL_SLOTS - 1;
    uint64_t number = (uint64_t)tick % WHEEL_SLOTS;
    struct wheel_timer **slot = &w->slot[number];
    w->occupied[number / 64] |= UINT64_C(1) << number % 64;
    t->tick = tick;
    t->next = *slot;
    t->link = slot;
    if (t->next != NULL)
        t->next->link = &t->next;
    *slot = t;
    w->queued++;
}

void wheel_set(struct wheel *w, struct wheel_timer *t, int64_t deadline)
{
    t->deadline = deadline;
    if (t->link != NULL) {
        if (deadline >= (t->tick - 1) * WHEEL_TICK)
            return;
        unlink_timer(w, t);
    }
    queue(w, t);
}

void wheel_cancel(struct wheel *w, struct wheel_timer *t)
{
    if (t->link != NULL)
        unlink_timer(w, t);
}

struct wheel_timer *wheel_expire(struct wheel *w, int64_t now)
{
    int64_t until = now / WHEEL_TICK;
    if (w->queued == 0 && w->tick < until)
        w->tick = until;
    while (w->tick <= until) {
        struct wheel_timer *t = w->slot[w->tick % WHEEL_SLOTS];
        if (t == NULL) {
            if (w->tick == until)
                return NULL;
            w->tick++;
            continue;
        }
        unlink_timer(w, t);
        if (t->deadline <= now)
            return t;
        queue(w, t); /* its deadline was moved; never where it was, which is past */
    }
    return NULL;
}

/* How many slots behind the first the next occupied one lies; at least one is. */
static int64_t distance(const struct wheel *w, uint64_t first)
{
    uint64_t word = first / 64, shift = first % 64;
    uint64_t bits = w->occupied[word] >> shift;
    int64_t skipped = 0;
    while (bits == 0) {
        skipped += (int64_t)(64 - shift);
        shift = 0;
        word = (word + 1) % (WHEEL_SLOTS / 64);
        bits = w->occupied[word];
    }
    return skipped + __builtin_ctzll(bits);
}

int64_t wheel_next(const struct wheel *w)
{
    if (w->queued == 0)
        return INT64_MAX;
    int64_t ahead = distance(w, (uint64_t)w->tick % WHEEL_SLOTS);
    return (w->tick + ahead) * WHEEL_TICK;
}
