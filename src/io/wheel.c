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
    *t->link = t->next;
    if (t->next != NULL)
        t->next->link = t->link;
    t->link = NULL;
    w->queued--;
}

/* In the slot after its deadline, or in the farthest that there is: it is looked at there. */
static void queue(struct wheel *w, struct wheel_timer *t)
{
    int64_t tick = t->deadline / WHEEL_TICK + 1;
    if (tick < w->tick)
        tick = w->tick;
    if (tick > w->tick + WHEEL_SLOTS - 1)
        tick = w->tick + WHEEL_SLOTS - 1;
    struct wheel_timer **slot = &w->slot[tick % WHEEL_SLOTS];
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
