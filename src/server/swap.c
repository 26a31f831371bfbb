#include "server/swap.h"

#include "sys/clock.h"
#include "sys/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_TIMEOUT (5 * CLOCK_S)
#define STORE_REQUESTS 64
#define QUEUE 8192

struct exist_options swap_exist_options(const struct config *c, unsigned workers)
{
    return (struct exist_options){
        .workers = workers,
        .present_ttl = c->existence.present_ttl,
        .absent_ttl = c->existence.absent_ttl,
        .error_ttl = c->existence.error_ttl,
        .memory = c->existence.memory,
        .head_timeout = HEAD_TIMEOUT,
        .store_requests = STORE_REQUESTS,
        .queue = QUEUE,
        .index_refresh = c->existence.index_refresh,
        .index_max_age = c->existence.index_max_age,
        .index_memory = c->existence.index_memory,
    };
}

static void count_in(struct control *s, const struct generation *g)
{
    for (unsigned i = 0; i < s->n_workers; i++) {
        struct counters_answered answered = generation_answered(g, i);
        counters_total_add(&s->total, &answered, &g->snapshot);
    }
    counters_total_forget_routes(&s->total, &s->current->snapshot);
}

/* Frees the retired generation, when no worker uses it any more. */
static void collect(struct control *s)
{
    if (s->retired == NULL)
        return;
    for (unsigned i = 0; i < s->n_workers; i++) {
        struct worker *w = &s->worker[i];
        if (__atomic_load_n(&w->seen, __ATOMIC_ACQUIRE) <= s->retired->number &&
            !__atomic_load_n(&w->ended, __ATOMIC_ACQUIRE))
            return;
    }
    count_in(s, s->retired);
    generation_free(s->retired);
    s->retired = NULL;
}

static bool has_tls(const struct config_server *config)
{
    for (size_t i = 0; i < config->n_listen; i++)
        if (config->listen[i].n_certificates > 0)
            return true;
    return false;
}

/* NULL: it has been logged why. Without keys for tickets there are just none. */
static struct listen_rules *new_rules(struct control *s, const struct config *config)
{
    struct diag d = {0};
    if (s->tickets == NULL && has_tls(&config->server))
        s->tickets = tls_tickets_new(clock_now());
    struct listen_rules *rules = listen_rules_new(&config->server, s->tickets, &d);
    diag_log(&d);
    diag_clear(&d);
    return rules;
}

bool swap_first(struct control *s, struct server_update *start)
{
    struct generation_parts parts = {start->config, start->image, new_rules(s, start->config)};
    if (parts.listen == NULL)
        return false;
    s->current = generation_new(1, &parts, s->shared.exist, s->n_workers);
    if (s->current == NULL) {
        log_error("cannot start: out of memory");
        listen_rules_release(parts.listen);
        return false;
    }
    s->start = s->current->config;
    *start = (struct server_update){0};
    __atomic_store_n(&s->shared.generation, s->current, __ATOMIC_RELEASE);
    exist_follow(s->shared.exist, s->current->indexed, s->current->n_indexed);
    return true;
}

static bool same_addresses(const struct config_server *a, const struct config_server *b)
{
    if (a->n_listen != b->n_listen)
        return false;
    for (size_t i = 0; i < a->n_listen; i++)
        if (strcmp(a->listen[i].address, b->listen[i].address) != 0)
            return false;
    return true;
}

static void say_if(bool changed, const char *setting)
{
    if (changed)
        log_warning("%s has changed: restart to use it", setting);
}

/* What cannot change while it runs, compared with what it was started with: another reload of the
 * same file must say it again. */
static void say_what_needs_a_restart(const struct config *old, const struct config *new)
{
    const struct config_server *was = &old->server;
    const struct config_server *is = &new->server;
    if (!same_addresses(was, is))
        log_warning("server.listen has changed: restart to use it; until then all listeners go on "
                    "as they are, their certificates too");
    say_if(strcmp(was->admin, is->admin) != 0, "server.admin");
    say_if(strcmp(was->decide, is->decide) != 0, "server.decide");
    say_if(was->workers != is->workers, "server.workers");
    say_if(was->max_connections != is->max_connections, "server.max_connections");
    say_if(was->max_connections_per_client != is->max_connections_per_client,
           "server.max_connections_per_client");
    say_if(strcmp(was->user, is->user) != 0, "server.user");
    say_if(was->confine != is->confine, "server.confine");
    say_if(old->existence.memory != new->existence.memory, "existence.memory");
    say_if(old->rate_limit.memory != new->rate_limit.memory, "rate_limit.memory");
    if ((strcmp(old->log.access, "off") == 0) != (strcmp(new->log.access, "off") == 0))
        log_warning("log.access was switched on or off: restart to use it");
}

static void apply_settings(struct control *s, const struct config *new)
{
    say_what_needs_a_restart(s->start, new);
    log_set_level((enum log_level) new->log.level);
    struct exist_options options = swap_exist_options(new, s->n_workers);
    exist_configure(s->shared.exist, &options);
    if (s->shared.log == NULL || strcmp(new->log.access, "off") == 0)
        return;
    int error = access_reopen(s->shared.log, new->log.access);
    if (error != 0)
        log_error("access log %s cannot be opened: %s; going on with the old one", new->log.access,
                  strerror(error));
}

static void release_update(struct server_update *update)
{
    config_free(update->config);
    compile_release(&update->image);
}

/* The rules go by the numbers of the open listeners: other addresses need a restart, and until then
 * what holds of these goes on. */
static struct listen_rules *rules_for(struct control *s, const struct config *next)
{
    if (next == s->current->config || !same_addresses(&s->start->server, &next->server))
        return listen_rules_keep(s->current->listen);
    return new_rules(s, next);
}

/* An update without a configuration goes on with the old generation's. False: refused. */
static bool go_over(struct control *s, struct server_update *update)
{
    assert(s->retired == NULL);
    struct generation *old = s->current;
    struct config *config = update->config != NULL ? update->config : old->config;
    struct generation_parts parts = {config, update->image, rules_for(s, config)};
    struct generation *next = parts.listen != NULL ? generation_new(old->number + 1, &parts,
                                                                    s->shared.exist, s->n_workers)
                                                   : NULL;
    if (next == NULL) {
        log_error("%s: the update is dropped, and what was running goes on",
                  parts.listen != NULL ? "out of memory" : "certificates cannot be used");
        listen_rules_release(parts.listen);
        release_update(update);
        return false;
    }
    if (update->config != NULL)
        apply_settings(s, config);
    if (update->config == NULL || old->config == s->start)
        old->config = NULL; /* somebody else's now */
    s->current = next;
    s->retired = old;
    __atomic_store_n(&s->shared.generation, next, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < s->n_workers; i++)
        worker_wake(&s->worker[i]);
    exist_follow(s->shared.exist, next->indexed, next->n_indexed);
    return true;
}

static void reload(struct control *s)
{
    struct server_update update = {0};
    s->reload_wanted = false;
    s->reload_refused = true;
    if (s->hooks->reload == NULL || !s->hooks->reload(s->hooks->context, &update)) {
        log_warning("reload refused: what was running goes on");
        return;
    }
    if (!go_over(s, &update))
        return;
    s->reload_refused = false;
    log_info("reloaded");
}

/* Only two generations are ever alive: what comes while workers use both waits in the loop. */
void swap_reload(struct control *s)
{
    s->reload_wanted = true;
    swap_advance(s);
}

void swap_take(struct control *s)
{
    struct server_update update = {0};
    collect(s);
    if (s->retired != NULL)
        loop_rest(&s->loop, &s->updates);
    else if (s->hooks->take(s->hooks->context, s->current->config, &update))
        go_over(s, &update);
}

void swap_advance(struct control *s)
{
    if (s->tickets != NULL)
        tls_tickets_rotate(s->tickets, clock_now());
    collect(s);
    if (s->reload_wanted && s->retired == NULL)
        reload(s);
}

void swap_close(struct control *s)
{
    if (s->current != NULL && s->current->config != s->start)
        config_free(s->start);
    generation_free(s->retired);
    generation_free(s->current);
    tls_tickets_free(s->tickets);
    counters_total_clear(&s->total);
    s->retired = s->current = NULL;
    s->start = NULL;
}
