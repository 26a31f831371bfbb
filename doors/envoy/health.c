#include "health.h"

#define S INT64_C(1000000000)
#define DOWN_AFTER 3
#define WATCH_EVERY (5 * S)
#define WATCH_FIRST (4 * S) /* of a store that only the cache has spoken for */
#define WATCH_FOR (30 * S)  /* after the last redirect */
#define TRIAL_EVERY S

/* Timing: a store that dies just after a good answer is watched 5 s later, within a tick of 0.1 s;
 * that HEAD may take 2 s, and the two that follow it at once another 2 s. So it is known to be down
 * after 9.2 s at the latest: 10 s are promised. */

enum health_change health_note(struct health *h, enum slots_state state, int64_t now)
{
    if (state != SLOTS_ERROR) {
        bool was_down = h->down;
        h->errors = 0;
        h->last_ok = now;
        h->down = false;
        return was_down ? HEALTH_CAME_UP : HEALTH_SAME;
    }
    if (h->down)
        return HEALTH_SAME;
    if (++h->errors >= DOWN_AFTER) {
        h->down = true;
        h->next = now + TRIAL_EVERY;
        return HEALTH_WENT_DOWN;
    }
    int64_t soon = h->checked + TRIAL_EVERY;
    h->next = soon < h->next ? soon : h->next;
    return HEALTH_SAME;
}

enum health_change health_note_odd(struct health *h)
{
    if (!h->down)
        return HEALTH_SAME;
    h->down = false;
    h->errors = 0;
    return HEALTH_CAME_UP;
}

static void keep(struct health *h, struct str url, bool path)
{
    if (url.len > sizeof(h->recent))
        return;
    memcpy(h->recent, url.data, url.len);
    h->recent_len = url.len;
    h->recent_path = path;
}

void health_asked(struct health *h, struct str url, bool path)
{
    if (h->redirected == 0)
        keep(h, url, path);
}

void health_redirected(struct health *h, struct str url, bool path, int64_t now)
{
    h->redirected = now;
    keep(h, url, path);
    if (h->watched || h->down)
        return;
    int64_t due = h->last_ok != 0 ? h->last_ok + WATCH_EVERY : now + WATCH_FIRST;
    h->watched = true;
    h->next = due > now ? due : now;
}

bool health_follows(const struct health *h, int64_t now)
{
    return h->down || (h->watched && now < h->redirected + WATCH_FOR);
}

bool health_due(struct health *h, int64_t now)
{
    if (!health_follows(h, now)) {
        h->watched = false;
        return false;
    }
    if (now < h->next || h->checking > 0 || h->recent_len == 0)
        return false;
    h->checked = now;
    h->next = now + (h->down ? TRIAL_EVERY : WATCH_EVERY);
    return true;
}

unsigned health_again(const struct health *h)
{
    return h->down || h->errors == 0 ? 0 : DOWN_AFTER - h->errors;
}
