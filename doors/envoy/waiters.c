#include "waiters.h"

bool waiters_add(struct waiters *w, const struct waiters_one *one)
{
    for (uint32_t i = 0; w->n < WAITERS_MAX && i < WAITERS_MAX; i++) {
        if (w->one[i].context != 0)
            continue;
        w->one[i] = *one;
        w->n++;
        return true;
    }
    return false;
}

static void release(struct waiters_one *one, enum slots_state state)
{
    one->flight = WAITERS_NONE;
    one->state = state;
}

void waiters_answer(struct waiters *w, uint32_t flight, enum slots_state state)
{
    for (uint32_t i = 0; w->n > 0 && i < WAITERS_MAX; i++)
        if (w->one[i].context != 0 && w->one[i].flight == flight)
            release(&w->one[i], state);
}

uint32_t waiters_give_up(struct waiters *w, int64_t now)
{
    uint32_t n = 0;
    for (uint32_t i = 0; w->n > 0 && i < WAITERS_MAX; i++) {
        if (w->one[i].context == 0 || w->one[i].deadline > now)
            continue;
        release(&w->one[i], SLOTS_ERROR);
        n++;
    }
    return n;
}

bool waiters_take(struct waiters *w, struct waiters_one *one)
{
    for (uint32_t i = 0; w->n > 0 && i < WAITERS_MAX; i++) {
        if (w->one[i].context == 0 || w->one[i].flight != WAITERS_NONE)
            continue;
        *one = w->one[i];
        w->one[i].context = 0;
        w->n--;
        return true;
    }
    return false;
}

void waiters_drop(struct waiters *w, uint32_t context)
{
    for (uint32_t i = 0; w->n > 0 && i < WAITERS_MAX; i++) {
        if (w->one[i].context != context)
            continue;
        w->one[i].context = 0;
        w->n--;
        return;
    }
}
