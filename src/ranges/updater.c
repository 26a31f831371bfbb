#include "ranges/updater.h"

#include "ranges/diff.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"
#include "sys/wake.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RETRY_FIRST (30 * CLOCK_S)
#define RETRY_MAX (3600 * CLOCK_S)
#define NEVER INT64_MAX

/* One official file. */
struct task {
    int64_t due;   /* clock_now() */
    int64_t retry; /* how long the next failure waits; 0: none has failed */
    bool failed;   /* the last try, while it is still to be made good */
    struct ranges *held;
    struct state_entry held_state; /* of held: the directory cannot keep it */
};

struct updater {
    pthread_t thread;
    bool started;
    int fd; /* an eventfd */
    atomic_bool stop;
    char *directory;      /* which the tasks are about; only the thread changes it, locked */
    pthread_mutex_t lock; /* everything below */
    pthread_cond_t wake;
    struct updater_options options; /* directory is owned */
    bool configured;                /* the options are new to the thread */
    struct task task[SOURCE_COUNT]; /* what is held there only the thread changes */
    struct ranges *offered;
    struct updater_status status;
};

/* interval, give or take a tenth. */
static int64_t jitter(int64_t interval)
{
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        return interval;
    return interval - interval / 10 + (int64_t)((double)interval / 5 * (random / 4294967296.0));
}

/* Locked. What is known is about another directory than the options name. */
static bool has_moved(const struct updater *u)
{
    return strcmp(u->directory, u->options.directory) != 0;
}

/* When a file was last known to be current: Unix seconds, 0 if it is missing. */
static int64_t last_checked(const struct updater *u, size_t source, const struct state *state)
{
    struct stat st;
    if (u->task[source].held != NULL)
        return u->task[source].held_state.checked;
    char *path = xalloc_format("%s/%s", u->directory, source_table[source].file);
    bool there = stat(path, &st) == 0;
    free(path);
    if (!there)
        return 0;
    return state->entry[source].checked > 0 ? state->entry[source].checked : st.st_mtime;
}

/* Locked. Nothing of the old directory counts any more. */
static void move(struct updater *u)
{
    free(u->directory);
    u->directory = xalloc_text(u->options.directory);
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        ranges_free(u->task[i].held);
        u->task[i].held = NULL;
    }
}

/* From the options: when each file is due. A failure is over where the file is not due: updates are
 * off, or what is there is young enough. Locked. */
static void schedule(struct updater *u)
{
    struct state state;
    int64_t now = clock_now(), wall = clock_wall(), refresh = u->options.refresh;
    if (has_moved(u))
        move(u);
    state_read(&state, u->directory);
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        struct task *t = &u->task[i];
        int64_t age = wall - last_checked(u, i, &state);
        t->due = NEVER;
        t->retry = 0;
        if (refresh > 0)
            t->due = age < 0 || age >= refresh / CLOCK_S ? now : now + refresh - age * CLOCK_S;
        t->failed = t->failed && t->due <= now;
    }
    u->configured = false;
}

static const char *changes(const struct ranges *before, const struct ranges *after, char out[64])
{
    struct diff d = diff_ranges(before, after);
    snprintf(out, 64, "+%u -%u prefixes", d.added, d.removed);
    diff_release(&d);
    return out;
}

/* Locked. Takes what it keeps out of the result. */
static void settle_good(struct updater *u, size_t source, const struct state_entry *entry,
                        struct update_result *result)
{
    struct task *t = &u->task[source];
    const char *file = source_table[source].file;
    char text[64];
    t->due = clock_now() + jitter(u->options.refresh);
    t->retry = 0;
    t->failed = false;
    u->status.updates++;
    u->status.last_success = clock_wall();
    t->held_state = *entry;
    if (result->outcome != UPDATE_CHANGED) {
        log_debug("ranges: %s is current", file);
        return;
    }
    log_info("ranges: %s updated, %s", file,
             changes(t->held != NULL ? t->held : result->before, result->after, text));
    if (result->unwritten)
        log_warning("ranges: kept in memory only: %s", result->error);
    ranges_free(t->held);
    t->held = result->unwritten ? result->after : NULL;
    if (result->unwritten)
        result->after = NULL;
}

/* Locked. */
static void settle_bad(struct updater *u, size_t source, const struct update_result *result)
{
    struct task *t = &u->task[source];
    int64_t first = u->options.retry > 0 ? u->options.retry : RETRY_FIRST;
    int64_t max = u->options.refresh < RETRY_MAX ? u->options.refresh : RETRY_MAX;
    t->retry = t->retry == 0 ? first : 2 * t->retry;
    if (t->retry > max)
        t->retry = max;
    t->due = clock_now() + jitter(t->retry);
    t->failed = true;
    u->status.failures++;
    log_warning("ranges: %s not updated, %s: %s", source_table[source].file, result->kept,
                result->error);
}

/* Not locked: it takes as long as the downloads do. *entry is what is known of the file then. */
static void download(struct updater *u, size_t source, const struct update_options *options,
                     struct state_entry *entry, struct update_result *result)
{
    const struct task *t = &u->task[source];
    struct state state;
    state_read(&state, options->directory);
    *entry = t->held != NULL ? t->held_state : state.entry[source];
    update_source(source, options, t->held, entry, result);
    bool in_memory = result->unwritten || (t->held != NULL && result->outcome == UPDATE_CURRENT);
    if (result->outcome == UPDATE_FAILED || in_memory)
        return;
    state.entry[source] = *entry;
    state_write(&state, options->directory);
}

/* Locked; unlocked while it downloads. True if there is something new. What comes of a download
 * counts if the directory is still the same, whatever else was configured meanwhile. */
static bool update_one(struct updater *u, size_t source)
{
    struct update_options options = {
        .directory = u->directory,
        .max_shrink = u->options.max_shrink,
        .keep_in_memory = true,
        .get = u->options.get,
        .stop = &u->stop,
    };
    struct update_result result;
    struct state_entry entry;
    pthread_mutex_unlock(&u->lock);
    download(u, source, &options, &entry, &result);
    pthread_mutex_lock(&u->lock);
    bool counts = !has_moved(u) && !atomic_load(&u->stop);
    bool changed = counts && result.outcome == UPDATE_CHANGED;
    if (counts && result.outcome == UPDATE_FAILED)
        settle_bad(u, source, &result);
    else if (counts)
        settle_good(u, source, &entry, &result);
    update_release(&result);
    return changed;
}

/* Locked. */
static struct ranges *load(struct updater *u, struct diag *d)
{
    struct ranges_held held[SOURCE_COUNT];
    size_t n = 0;
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (u->task[i].held != NULL && !has_moved(u))
            held[n++] = (struct ranges_held){source_table[i].file, u->task[i].held};
    return ranges_load_with(u->options.directory, held, n, d);
}

/* Locked. */
static void offer(struct updater *u)
{
    struct diag d = {0};
    ranges_free(u->offered);
    u->offered = load(u, &d);
    diag_log(&d);
    diag_clear(&d);
    wake_send(u->fd);
}

/* Locked. */
static void update_due(struct updater *u)
{
    bool changed = false;
    for (size_t i = 0; i < SOURCE_COUNT && !u->configured && !atomic_load(&u->stop); i++)
        if (u->task[i].due <= clock_now())
            changed = update_one(u, i) || changed;
    u->status.failing = false;
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        u->status.failing = u->status.failing || u->task[i].failed;
    if (changed)
        offer(u);
}

/* Locked. Waits until a file is due, or somebody wakes the thread. */
static void wait_due(struct updater *u)
{
    int64_t due = NEVER;
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (u->task[i].due < due)
            due = u->task[i].due;
    thread_wait(&u->wake, &u->lock, due);
}

static void *run(void *argument)
{
    struct updater *u = argument;
    pthread_mutex_lock(&u->lock);
    while (!atomic_load(&u->stop)) {
        if (u->configured)
            schedule(u);
        update_due(u);
        if (!u->configured && !atomic_load(&u->stop))
            wait_due(u);
    }
    pthread_mutex_unlock(&u->lock);
    return NULL;
}

static void release(struct updater *u)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        ranges_free(u->task[i].held);
    ranges_free(u->offered);
    pthread_cond_destroy(&u->wake);
    pthread_mutex_destroy(&u->lock);
    if (u->fd >= 0)
        close(u->fd);
    free((char *)(uintptr_t)u->options.directory);
    free(u->directory);
    free(u);
}

struct updater *updater_new(const struct updater_options *options, const char **why)
{
    struct updater *u = xalloc_zero(1, sizeof(*u));
    pthread_mutex_init(&u->lock, NULL);
    thread_condition(&u->wake);
    u->options = *options;
    u->options.directory = xalloc_text(options->directory);
    u->directory = xalloc_text(options->directory);
    u->configured = true;
    u->fd = wake_open();
    if (u->fd >= 0)
        return u;
    *why = "no descriptor is left";
    release(u);
    return NULL;
}

bool updater_start(struct updater *u, const char **why)
{
    const struct thread_options thread = {.name = "ranges", .cpu = -1};
    u->started = thread_start(&u->thread, &thread, run, u) == 0;
    if (!u->started)
        *why = "there can be no more threads";
    return u->started;
}

void updater_configure(struct updater *u, const struct updater_options *options)
{
    pthread_mutex_lock(&u->lock);
    bool moved = strcmp(u->options.directory, options->directory) != 0;
    char *old = (char *)(uintptr_t)u->options.directory;
    bool same = !moved && u->options.refresh == options->refresh;
    u->options = *options;
    u->options.directory = xalloc_text(options->directory);
    if (moved) {
        ranges_free(u->offered);
        u->offered = NULL;
    }
    if (!same) {
        u->configured = true;
        pthread_cond_signal(&u->wake);
    }
    free(old);
    pthread_mutex_unlock(&u->lock);
}

int updater_fd(const struct updater *u)
{
    return u->fd;
}

struct ranges *updater_take(struct updater *u)
{
    pthread_mutex_lock(&u->lock);
    wake_hear(u->fd);
    struct ranges *r = u->offered;
    u->offered = NULL;
    pthread_mutex_unlock(&u->lock);
    return r;
}

struct ranges *updater_load(struct updater *u, const char *directory, struct diag *d)
{
    pthread_mutex_lock(&u->lock);
    bool same = strcmp(directory, u->options.directory) == 0;
    struct ranges *r = same ? load(u, d) : ranges_load(directory, d);
    pthread_mutex_unlock(&u->lock);
    return r;
}

void updater_status(struct updater *u, struct updater_status *out)
{
    pthread_mutex_lock(&u->lock);
    *out = u->status;
    pthread_mutex_unlock(&u->lock);
}

void updater_stop(struct updater *u)
{
    if (u == NULL)
        return;
    pthread_mutex_lock(&u->lock);
    atomic_store(&u->stop, true);
    pthread_cond_signal(&u->wake);
    pthread_mutex_unlock(&u->lock);
    if (u->started)
        pthread_join(u->thread, NULL);
    release(u);
}
