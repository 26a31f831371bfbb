#include "server/drain.h"

#include "config/value.h"
#include "sys/clock.h"
#include "sys/log.h"

static void enter(struct control *s, enum worker_phase phase)
{
    __atomic_store_n(&s->shared.phase, phase, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_wake(&s->worker[i]);
}

void drain_begin(struct control *s)
{
    int64_t delay = s->current->config->server.shutdown_delay;
    char shown[VALUE_TEXT_MAX];
    value_format_duration(delay, shown);
    s->draining = true;
    s->phase_until = clock_now() + delay;
    if (delay > 0)
        log_info("ending: new connections are accepted for %s more (server.shutdown_delay)", shown);
    else
        log_info("ending: no new connections; what was accepted is answered");
}

void drain_now(struct control *s)
{
    enter(s, WORKER_END);
}

void drain_advance(struct control *s)
{
    int64_t now = clock_now();
    if (now < s->phase_until)
        return;
    int64_t timeout = s->current->config->server.drain_timeout;
    switch ((enum worker_phase)s->shared.phase) {
    case WORKER_SERVE:
        s->drain_until = now + timeout;
        s->phase_until = now + (DRAIN_REFUSE < timeout / 2 ? DRAIN_REFUSE : timeout / 2);
        enter(s, WORKER_REFUSE);
        return;
    case WORKER_REFUSE:
        s->phase_until = s->drain_until;
        enter(s, WORKER_DRAIN);
        return;
    case WORKER_DRAIN:
        enter(s, WORKER_END);
        return;
    case WORKER_END:
        return;
    }
}

bool drain_over(const struct control *s)
{
    for (unsigned i = 0; i < s->n_workers; i++)
        if (!__atomic_load_n(&s->worker[i].ended, __ATOMIC_ACQUIRE))
            return false;
    return true;
}
