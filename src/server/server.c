#include "server/server.h"

#include "server/admin.h"
#include "server/control.h"
#include "server/drain.h"
#include "server/limits.h"
#include "server/pages.h"
#include "server/swap.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define TURN_MS 1000
#define BUSY_MS 20                /* while something is under way that nobody announces */
#define TRIM_AFTER 1024           /* connections that have ended */
#define TRIM_PAUSE (10 * CLOCK_S) /* it walks through all free memory */

#define OWNER(source, member)                                                                      \
    ((struct control *)(void *)((char *)(source)-offsetof(struct control, member)))

void server_block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static void signalled(struct loop_source *source, uint32_t events)
{
    struct control *s = OWNER(source, signals);
    struct signalfd_siginfo info;
    (void)events;
    while (read(source->fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGHUP)
            swap_reload(s);
        else if (s->draining)
            drain_now(s);
        else
            drain_begin(s);
    }
}

static void update_came(struct loop_source *source, uint32_t events)
{
    (void)events;
    swap_take(OWNER(source, updates));
}

static bool no_memory(void)
{
    log_error("cannot start: out of memory");
    return false;
}

/* ── Listeners ── */

static bool say_no(const char *setting, const char *address, const char *why)
{
    log_error("%s: cannot listen on \"%s\": %s", setting, address, why);
    return false;
}

static bool open_address(struct control *s, const char *setting, const char *text, size_t i)
{
    struct endpoint *address = &s->address[i];
    if (!endpoint_parse(str_from(text), address))
        return say_no(setting, text, "expected ADDRESS:PORT, like [::]:8080");
    int error = listener_probe(address);
    for (unsigned w = 0; error == 0 && w < s->n_workers; w++)
        error = listener_open(&s->worker[w].listener[i], address);
    return error == 0 || say_no(setting, text, listener_reason(error));
}

/* Every worker's before any of them starts: the kernel spreads connections over those that listen,
 * and from the first answer on all do. */
static bool open_listeners(struct control *s, const struct config_server *config)
{
    s->shared.decides = config->decide[0] != '\0';
    s->shared.n_listeners = config->n_listen + s->shared.decides;
    s->address = calloc(s->shared.n_listeners, sizeof(*s->address));
    if (s->address == NULL)
        return no_memory();
    for (unsigned w = 0; w < s->n_workers; w++) {
        s->worker[w].listener = calloc(s->shared.n_listeners, sizeof(*s->worker[w].listener));
        if (s->worker[w].listener == NULL)
            return no_memory();
        for (size_t i = 0; i < s->shared.n_listeners; i++)
            s->worker[w].listener[i].source.fd = s->worker[w].listener[i].spare = -1;
    }
    for (size_t i = 0; i < config->n_listen; i++)
        if (!open_address(s, "server.listen", config->listen[i].address, i))
            return false;
    return !s->shared.decides || open_address(s, "server.decide", config->decide, config->n_listen);
}

/* ── Start ── */

static bool open_control(struct control *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    s->signals = (struct loop_source){.fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC),
                                      .ready = signalled};
    s->updates = (struct loop_source){.fd = s->hooks->updates_fd, .ready = update_came};
    if (loop_open(&s->loop, stream_expired) == 0 && s->signals.fd >= 0 &&
        loop_watch(&s->loop, &s->signals, EPOLLIN) == 0 &&
        (s->updates.fd < 0 || loop_watch(&s->loop, &s->updates, EPOLLIN) == 0))
        return true;
    log_error("cannot start: not enough memory or descriptors");
    return false;
}

static bool open_log(struct control *s, const char *target)
{
    int error;
    if (strcmp(target, "off") == 0)
        return true;
    s->shared.log = access_open(target, s->n_workers, &error);
    if (s->shared.log == NULL)
        log_error("log.access: cannot open \"%s\": %s", target, strerror(error));
    return s->shared.log != NULL;
}

static bool open_exist(struct control *s, const struct config *config)
{
    const char *why;
    struct exist_options options = swap_exist_options(config, s->n_workers);
    s->shared.exist = exist_new(&options, &why);
    if (s->shared.exist == NULL)
        log_error("cannot start: %s", why);
    return s->shared.exist != NULL;
}

static bool make_workers(struct control *s, const struct config_server *config)
{
    uint64_t most = limits_connections();
    s->shared.max_connections = config->max_connections > 0 && config->max_connections < most
                                    ? config->max_connections
                                    : most;
    s->shared.max_per_client = config->max_connections_per_client;
    s->n_workers = config->workers > 0 ? config->workers : limits_workers();
    s->worker = aligned_alloc(64, (s->n_workers * sizeof(*s->worker) + 63) / 64 * 64);
    if (s->worker == NULL)
        return no_memory();
    memset(s->worker, 0, s->n_workers * sizeof(*s->worker));
    for (unsigned i = 0; i < s->n_workers; i++) {
        s->worker[i].shared = &s->shared;
        s->worker[i].wake.fd = s->worker[i].loop.epoll = -1;
    }
    return true;
}

/* What all clients together take; the table of the rate limit is there even where nothing is
 * limited yet, because a reload may begin to. */
static bool open_limits(struct control *s, const struct config *config)
{
    if (ratelimit_open(&s->shared.ratelimit, config->rate_limit.memory) &&
        (s->shared.max_per_client == 0 || crowd_open(&s->shared.crowd, s->shared.max_connections)))
        return true;
    log_error("cannot start: not enough memory for limits per client");
    return false;
}

static bool start_workers(struct control *s)
{
    bool pin = s->n_workers > 1 && s->n_workers == limits_workers();
    for (unsigned i = 0; i < s->n_workers; i++)
        if (!worker_open(&s->worker[i], i))
            return false;
    for (unsigned i = 0; i < s->n_workers; i++)
        if (!worker_start(&s->worker[i], pin ? limits_cpu(i) : -1))
            return false;
    return true;
}

static bool start_all(struct control *s, struct server_update *start)
{
    const struct config *config = start->config;
    if (!make_workers(s, &config->server) || !open_limits(s, config) || !open_control(s) ||
        !open_listeners(s, &config->server) || !admin_open(s, &config->server))
        return false;
    /* The log is opened as it will be reopened: what fails then fails now. */
    if (s->hooks->confine != NULL && !s->hooks->confine(s->hooks->context))
        return false;
    return open_log(s, config->log.access) && open_exist(s, config) && swap_first(s, start) &&
           start_workers(s);
}

/* ── Run and end ── */

/* Thousands of handshakes at once take hundreds of megabytes, and the C library keeps all that lies
 * below what is still in use when they have ended. */
static void return_memory(struct control *s)
{
    uint64_t closed = 0;
    if (s->loop.now < s->trimmed_at + TRIM_PAUSE)
        return;
    for (unsigned i = 0; i < s->n_workers; i++)
        closed += counters_get(&s->worker[i].counters.closed);
    if (closed < s->trimmed_closed + TRIM_AFTER)
        return;
    malloc_trim(0);
    s->trimmed_closed = closed;
    s->trimmed_at = s->loop.now;
}

static void run(struct control *s)
{
    const struct server_started how = {
        .listen = s->address,
        .n_listen = s->shared.n_listeners - s->shared.decides,
        .decides = s->shared.decides,
        .rules = s->current->listen,
        .admin = s->admin != NULL ? pages_address(s->admin) : NULL,
    };
    if (s->hooks->started != NULL)
        s->hooks->started(s->hooks->context, &how);
    while (!drain_over(s)) {
        loop_turn(&s->loop, s->draining || s->retired != NULL ? BUSY_MS : TURN_MS);
        swap_advance(s);
        return_memory(s);
        if (s->draining)
            drain_advance(s);
    }
}

static void close_all(struct control *s)
{
    __atomic_store_n(&s->shared.phase, WORKER_END, __ATOMIC_RELEASE);
    for (unsigned i = 0; i < s->n_workers && s->worker != NULL; i++)
        if (s->worker[i].started)
            worker_wake(&s->worker[i]);
    for (unsigned i = 0; i < s->n_workers && s->worker != NULL; i++)
        worker_close(&s->worker[i]);
    pages_close(s->admin);
    access_close(s->shared.log);
    if (s->shared.exist != NULL)
        exist_free(s->shared.exist);
    swap_close(s);
    if (s->signals.fd >= 0)
        close(s->signals.fd);
    loop_close(&s->loop);
    ratelimit_close(&s->shared.ratelimit);
    crowd_close(&s->shared.crowd);
    free(s->worker);
    free(s->address);
}

int server_run(struct server_update *start, const struct server_hooks *hooks)
{
    struct control s = {.hooks = hooks, .signals = {.fd = -1}, .loop = {.epoll = -1}};
    server_block_signals();
    bool started = start_all(&s, start);
    if (started)
        run(&s);
    close_all(&s);
    if (start->config != NULL)
        config_free(start->config);
    if (start->image.data != NULL)
        compile_release(&start->image);
    return started ? 0 : 1;
}
