#include "mirror/report.h"

#include <stdlib.h>
#include <string.h>

void report_open(struct report *r)
{
    *r = (struct report){.n = 0};
    pthread_mutex_init(&r->lock, NULL);
}

void report_close(struct report *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->entry[i].what);
        free(r->entry[i].why);
    }
    free(r->entry);
    pthread_mutex_destroy(&r->lock);
}

/* Nothing shall end the line, or speak to a terminal: servers have written parts of it. NULL is
 * ignored. */
static void make_printable(char *text)
{
    for (; text != NULL && *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

/* Takes it over. What is not kept is counted all the same. */
static void keep(struct report *r, struct report_entry one)
{
    size_t bytes = one.what != NULL && one.why != NULL ? strlen(one.what) + strlen(one.why) : 0;
    struct report_entry *entry = r->n < REPORT_MAX && bytes <= REPORT_BYTES_MAX - r->bytes
                                     ? realloc(r->entry, (r->n + 1) * sizeof(*entry))
                                     : NULL;
    if (entry != NULL)
        r->entry = entry;
    if (entry != NULL && one.what != NULL && one.why != NULL) {
        entry[r->n++] = one;
        r->bytes += bytes;
        return;
    }
    free(one.what);
    free(one.why);
}

void report_watch(struct report *r, const struct report_watcher *watcher)
{
    r->watcher = *watcher;
}

void report_failure(struct report *r, const char *what, const char *why)
{
    size_t n = strlen(what);
    if (strncmp(why, what, n) == 0 && strncmp(why + n, ": ", 2) == 0)
        why += n + 2; /* a store's errors begin with its name */
    struct report_entry one = {strdup(what), strdup(why)};
    make_printable(one.what);
    make_printable(one.why);
    pthread_mutex_lock(&r->lock);
    atomic_fetch_add(&r->all, 1);
    if (r->watcher.failed != NULL && one.what != NULL && one.why != NULL)
        r->watcher.failed(r->watcher.owner, one.what, one.why);
    keep(r, one);
    pthread_mutex_unlock(&r->lock);
}

void report_retry(struct report *r, const char *why)
{
    char *text = strdup(why);
    make_printable(text);
    pthread_mutex_lock(&r->lock);
    atomic_fetch_add(&r->retries, 1);
    if (r->watcher.retried != NULL && text != NULL)
        r->watcher.retried(r->watcher.owner, text);
    pthread_mutex_unlock(&r->lock);
    free(text);
}

uint64_t report_failures(const struct report *r)
{
    return atomic_load(&r->all);
}

uint64_t report_retries(const struct report *r)
{
    return atomic_load(&r->retries);
}

void report_write(struct report *r, size_t most, FILE *to)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < r->n && i < most; i++)
        fprintf(to, "%s\t%s\n", r->entry[i].what, r->entry[i].why);
    const uint64_t all = atomic_load(&r->all);
    if (most >= r->n && all > r->n)
        fprintf(to, "%llu more\tnot kept: correct these, and run it again\n",
                (unsigned long long)(all - r->n));
    pthread_mutex_unlock(&r->lock);
}
