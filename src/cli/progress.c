#include "cli/progress.h"

#include "sys/clock.h"
#include "sys/env.h"
#include "sys/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define REDRAW (200 * CLOCK_MS)
#define REPORT (10 * CLOCK_S)
#define SMOOTH 5.0 /* seconds: how long a rate is remembered */

struct progress {
    struct progress_options options;
    bool terminal;
    bool colour;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows, and of the terminal */
    pthread_cond_t changed;
    bool ending;
    bool hidden;
    int64_t began;
    int64_t measured; /* when `bytes` were read */
    uint64_t bytes;
    double rate;
    struct progress_text_state state;
    struct progress_text text;
};

static atomic_bool drawn; /* there are lines on the terminal, and the cursor stands before them */

bool progress_is_terminal(void)
{
    const char *term = env_text("TERM");
    return isatty(STDERR_FILENO) && term != NULL && strcmp(term, "dumb") != 0;
}

static void put(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(STDERR_FILENO, text, len);
        if (n <= 0)
            return; /* nobody looks */
        text += n;
        len -= (size_t)n;
    }
}

/* ── The terminal, with the lock held ── */

/* The cursor rests at the first line's beginning, so that whatever a changed width does to the
 * lines, all of them are behind it. */
static void erase(void)
{
    static const char below[] = "\r\033[J";
    if (atomic_exchange(&drawn, false))
        put(below, sizeof(below) - 1);
}

void progress_abandon(void)
{
    erase();
}

static void draw(struct progress *p)
{
    char out[sizeof(p->text) + 64] = "\r\033[J";
    struct winsize w = {.ws_col = 0};
    size_t len = strlen(out);
    bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0;
    const struct progress_text_look look = {
        .rate = p->rate,
        .columns = known ? w.ws_col : 80,
        .lines = known && w.ws_row > 1 && w.ws_row <= PROGRESS_TEXT_LINES ? w.ws_row - 1U
                                                                          : PROGRESS_TEXT_LINES,
        .colour = p->colour,
    };
    progress_text_make(&p->state, &look, &p->text);
    for (size_t i = 0; i < p->text.n; i++)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "%s%s", i > 0 ? "\n" : "",
                                p->text.line[i]);
    len += (size_t)snprintf(out + len, sizeof(out) - len, "\r");
    if (p->text.n > 1)
        len += (size_t)snprintf(out + len, sizeof(out) - len, "\033[%zuA", p->text.n - 1);
    put(out, len);
    atomic_store(&drawn, true);
}

/* ── The log ── */

static json_t *text_of(const char *text)
{
    json_t *value = json_string(text);
    char *plain = value == NULL ? strdup(text) : NULL;
    if (plain == NULL)
        return value;
    for (char *c = plain; *c != '\0'; c++) /* it is no UTF-8 */
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    value = json_string(plain);
    free(plain);
    return value;
}

/* Takes members over. */
static void write_event(struct progress *p, enum log_level level, const char *event,
                        json_t *members)
{
    char when[LOG_TIME_MAX];
    log_time(when);
    json_t *all =
        json_pack("{s:s,s:s,s:s}", "time", when, "level", log_level_name(level), "event", event);
    json_object_update(all, members);
    char *line =
        level <= p->options.level ? json_dumps(all, JSON_COMPACT | JSON_REAL_PRECISION(12)) : NULL;
    size_t len = line != NULL ? strlen(line) : 0;
    if (line != NULL) {
        line[len] = '\n'; /* in the place of its terminator: one write is one line */
        put(line, len + 1);
    }
    free(line);
    json_decref(all);
    json_decref(members);
}

static json_t *numbers(const struct progress *p)
{
    const struct progress_text_state *s = &p->state;
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "images", (json_int_t)s->images,
                     "images_known", (json_int_t)s->images_known, "blobs", (json_int_t)s->blobs,
                     "blobs_known", (json_int_t)s->blobs_known, "bytes", (json_int_t)s->bytes,
                     "bytes_known", (json_int_t)s->bytes_known, "bytes_per_second",
                     (json_int_t)p->rate, "in_flight", (json_int_t)s->running, "retries",
                     (json_int_t)s->retries, "failed", (json_int_t)s->failed);
}

/* ── The thread ── */

static void measure(struct progress *p)
{
    int64_t now = clock_now();
    p->options.read(p->options.owner, &p->state);
    double seconds = (double)(now - p->measured) / (double)CLOCK_S;
    if (seconds <= 0)
        return;
    double latest = p->state.bytes > p->bytes ? (double)(p->state.bytes - p->bytes) / seconds : 0;
    /* At first the average of all so far; later what is old fades. */
    double all = (double)(now - p->began) / (double)CLOCK_S;
    double share = seconds / (all < SMOOTH ? all : SMOOTH);
    p->rate += (latest - p->rate) * (share < 1 ? share : 1);
    p->measured = now;
    p->bytes = p->state.bytes;
}

static void wait_for_more(struct progress *p, int64_t ns)
{
    int64_t until = clock_now() + ns;
    while (!p->ending && clock_now() < until)
        thread_wait(&p->changed, &p->lock, until);
}

static void *run(void *argument)
{
    struct progress *p = argument;
    pthread_mutex_lock(&p->lock);
    while (!p->ending) {
        wait_for_more(p, p->terminal ? REDRAW : REPORT);
        if (p->ending)
            break;
        measure(p);
        if (!p->terminal)
            write_event(p, LOG_LEVEL_INFO, "progress", numbers(p));
        else if (!p->hidden)
            draw(p);
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* ── For its owner ── */

struct progress *progress_begin(const struct progress_options *o)
{
    const struct thread_options options = {.name = "progress", .cpu = -1};
    struct progress *p = calloc(1, sizeof(*p));
    if (p == NULL)
        return NULL;
    p->options = *o;
    p->terminal = progress_is_terminal();
    p->hidden = p->terminal && o->level < LOG_LEVEL_INFO;
    p->colour = env_text("NO_COLOR") == NULL;
    p->began = p->measured = clock_now();
    pthread_mutex_init(&p->lock, NULL);
    thread_condition(&p->changed);
    progress_event(p, LOG_LEVEL_INFO, "started");
    if (thread_start(&p->thread, &options, run, p) == 0)
        return p;
    pthread_cond_destroy(&p->changed);
    pthread_mutex_destroy(&p->lock);
    free(p);
    return NULL;
}

static void finish(struct progress *p, const char *result, json_t *more)
{
    double seconds = (double)(clock_now() - p->began) / (double)CLOCK_S;
    erase();
    measure(p);
    if (p->terminal)
        return;
    p->rate = seconds > 0 ? (double)p->state.bytes / seconds : 0;
    json_t *all = numbers(p);
    json_object_set_new(all, "command", text_of(p->options.command));
    json_object_set_new(all, "result", json_string(result));
    json_object_set_new(all, "seconds", json_real((double)(int64_t)(seconds * 1000) / 1000));
    json_object_update(all, more);
    write_event(p, LOG_LEVEL_INFO, "summary", all);
}

void progress_end(struct progress *p, const char *result, json_t *more)
{
    if (p != NULL) {
        pthread_mutex_lock(&p->lock);
        p->ending = true;
        pthread_cond_signal(&p->changed);
        pthread_mutex_unlock(&p->lock);
        pthread_join(p->thread, NULL);
        finish(p, result, more);
        pthread_cond_destroy(&p->changed);
        pthread_mutex_destroy(&p->lock);
        free(p);
    }
    json_decref(more);
}

static void tell(struct progress *p, enum log_level level, const char *event, json_t *members)
{
    if (p == NULL || p->terminal) {
        json_decref(members);
        return;
    }
    pthread_mutex_lock(&p->lock);
    write_event(p, level, event, members);
    pthread_mutex_unlock(&p->lock);
}

void progress_event(struct progress *p, enum log_level level, const char *event)
{
    if (p != NULL)
        tell(p, level, event, json_pack("{s:o}", "command", text_of(p->options.command)));
}

void progress_blob(struct progress *p, const char *event, const char *blob, int64_t size)
{
    if (p != NULL && p->options.level >= LOG_LEVEL_DEBUG)
        tell(p, LOG_LEVEL_DEBUG, event,
             json_pack("{s:o,s:I}", "what", text_of(blob), "bytes", (json_int_t)size));
}

void progress_retry(struct progress *p, const char *why)
{
    if (p != NULL && p->options.level >= LOG_LEVEL_DEBUG)
        tell(p, LOG_LEVEL_DEBUG, "retry", json_pack("{s:o}", "why", text_of(why)));
}

void progress_failure(struct progress *p, const char *what, const char *why)
{
    if (p != NULL)
        tell(p, LOG_LEVEL_ERROR, "failure",
             json_pack("{s:o,s:o}", "what", text_of(what), "why", text_of(why)));
}

void progress_hide(struct progress *p)
{
    if (p == NULL)
        return;
    pthread_mutex_lock(&p->lock);
    erase();
}

void progress_show(struct progress *p)
{
    if (p != NULL)
        pthread_mutex_unlock(&p->lock);
}
