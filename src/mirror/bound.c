#include "mirror/bound.h"

#define QUEUE_LEAST INT64_C(500000000)
#define MINUTES (5 * INT64_C(60000000000))
#define SLOW 4.0 /* delay alone leaves so many places */

void bound_begin(struct bound *b, unsigned first, unsigned most)
{
    *b = (struct bound){.most = most > 0 ? most : 1, .rising = true, .room = 1};
    b->places = first < b->most ? first : b->most;
    b->halved = INT64_MIN;
}

unsigned bound_places(const struct bound *b)
{
    return (unsigned)b->places;
}

/* ── Delay ── */

static void note_best(struct bound *b, int64_t delay, int64_t now)
{
    if (now - b->since > MINUTES) {
        b->best[1] = b->best[0];
        b->best[0] = 0;
        b->since = now;
    }
    if (b->best[0] == 0 || delay < b->best[0])
        b->best[0] = delay;
}

static int64_t lesser(int64_t a, int64_t b)
{
    return b != 0 && b < a ? b : a;
}

static void measure(struct bound *b, int64_t delay, int64_t now)
{
    note_best(b, delay, now);
    b->recent[b->n_recent++ % BOUND_RECENT] = delay;
    int64_t best = lesser(b->best[0], b->best[1]), quickest = delay;
    for (unsigned i = 0; i < BOUND_RECENT; i++)
        quickest = lesser(quickest, b->recent[i]);
    int64_t allowed = best > QUEUE_LEAST ? best : QUEUE_LEAST;
    b->room = 1 - (double)(quickest - best) / (double)allowed;
    if (b->room < -1)
        b->room = -1;
}

/* ── The rule ── */

static void shrink(struct bound *b)
{
    double least = b->places < SLOW ? b->places : SLOW;
    b->places += b->room / b->places;
    if (b->places < least)
        b->places = least;
}

static void grow(struct bound *b, unsigned running)
{
    if (2 * running < bound_places(b))
        return;
    b->places += b->rising ? 1 : b->room / b->places;
    if (b->places > b->most)
        b->places = b->most;
}

void bound_answer(struct bound *b, unsigned running, int64_t delay, int64_t now)
{
    if (delay > 0)
        measure(b, delay, now);
    b->rising = b->rising && b->room >= 0.5;
    if (b->room > 0)
        grow(b, running);
    else if (delay > 0)
        shrink(b);
}

void bound_complaint(struct bound *b, int64_t begun, int64_t now)
{
    b->rising = false;
    if (begun <= b->halved)
        return;
    b->halved = now;
    b->places = b->places > 2 ? b->places / 2 : 1;
}
