#include "mirror/sorter.h"

#include "sys/env.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST 1024 /* items that there is room for at first */

/* A sorted part of the file, and a window on it. */
struct run {
    off_t begin;
    size_t items;
    size_t read; /* of those: into the window, so far */
    uint8_t *window;
    size_t have; /* items in the window */
    size_t at;
};

struct sorter {
    size_t width;
    size_t most; /* items in memory */
    uint8_t *item;
    size_t room; /* items */
    size_t n;
    int fd; /* -1: all is in memory */
    off_t end;
    struct run *run;
    size_t n_runs;
    struct run **heap; /* of those that have something left, the smallest item first */
    size_t n_heap;
    size_t window; /* items */
    bool sorted;   /* what is in memory */
    size_t at;
    uint8_t last[SORTER_WIDTH_MAX];
    bool has_last;
};

struct sorter *sorter_new(size_t width, size_t memory)
{
    assert(width > 0 && width <= SORTER_WIDTH_MAX && memory >= 65536);
    struct sorter *s = calloc(1, sizeof(*s));
    if (s == NULL)
        return NULL;
    s->width = width;
    s->most = memory / width;
    s->fd = -1;
    return s;
}

void sorter_free(struct sorter *s)
{
    if (s == NULL)
        return;
    if (s->fd >= 0)
        close(s->fd);
    free(s->item);
    free(s->run);
    free(s->heap);
    free(s);
}

/* ── Adding ── */

static int compare(const void *a, const void *b, void *width)
{
    return memcmp(a, b, *(size_t *)width);
}

static void sort(struct sorter *s)
{
    if (s->n > 0)
        qsort_r(s->item, s->n, s->width, compare, &s->width);
}

static int open_file(struct sorter *s)
{
    char path[4096];
    const char *directory = env_text("TMPDIR");
    if (directory == NULL)
        directory = "/tmp";
    if (snprintf(path, sizeof(path), "%s/geranos-XXXXXX", directory) >= (int)sizeof(path))
        return ENAMETOOLONG;
    s->fd = mkostemp(path, 0);
    if (s->fd < 0)
        return errno;
    unlink(path);
    return 0;
}

static int write_all(struct sorter *s, const uint8_t *data, size_t len)
{
    while (len > 0) {
        ssize_t n = pwrite(s->fd, data, len, s->end);
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
            s->end += n;
        }
    }
    return 0;
}

/* Memory becomes a run of the file. */
static int spill(struct sorter *s)
{
    int error = s->fd < 0 ? open_file(s) : 0;
    if (error != 0)
        return error;
    struct run *run = realloc(s->run, (s->n_runs + 1) * sizeof(*run));
    if (run == NULL)
        return ENOMEM;
    s->run = run;
    s->run[s->n_runs++] = (struct run){.begin = s->end, .items = s->n};
    sort(s);
    error = write_all(s, s->item, s->n * s->width);
    s->n = 0;
    return error;
}

int sorter_add(struct sorter *s, const uint8_t *item)
{
    int error = s->n == s->most ? spill(s) : 0;
    if (error != 0)
        return error;
    if (s->n == s->room) {
        size_t room = s->room > 0 ? 2 * s->room : FIRST;
        room = room < s->most ? room : s->most;
        uint8_t *grown = realloc(s->item, room * s->width);
        if (grown == NULL)
            return ENOMEM;
        s->item = grown;
        s->room = room;
    }
    memcpy(s->item + s->n++ * s->width, item, s->width);
    return 0;
}

/* ── Merging ── */

static int read_all(const struct sorter *s, uint8_t *to, size_t len, off_t from)
{
    while (len > 0) {
        ssize_t n = pread(s->fd, to, len, from);
        if (n == 0)
            return EIO;
        if (n < 0 && errno != EINTR)
            return errno;
        if (n > 0) {
            to += n;
            len -= (size_t)n;
            from += n;
        }
    }
    return 0;
}

static const uint8_t *head(const struct sorter *s, const struct run *r)
{
    return r->window + r->at * s->width;
}

static int fill(const struct sorter *s, struct run *r)
{
    size_t left = r->items - r->read, n = left < s->window ? left : s->window;
    int error = read_all(s, r->window, n * s->width, r->begin + (off_t)(r->read * s->width));
    r->read += n;
    r->have = n;
    r->at = 0;
    return error;
}

static void sift(const struct sorter *s, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < s->n_heap; i = child) {
        struct run **h = s->heap;
        if (child + 1 < s->n_heap && memcmp(head(s, h[child + 1]), head(s, h[child]), s->width) < 0)
            child++;
        if (memcmp(head(s, h[i]), head(s, h[child]), s->width) <= 0)
            return;
        struct run *lower = h[i];
        h[i] = h[child];
        h[child] = lower;
    }
}

/* The memory that items were gathered in becomes the windows. */
static int begin_merge(struct sorter *s)
{
    int error = s->n > 0 ? spill(s) : 0;
    if (error == 0 && s->heap == NULL && (s->heap = malloc(s->n_runs * sizeof(*s->heap))) == NULL)
        error = ENOMEM;
    if (error != 0)
        return error;
    s->window = s->room / s->n_runs;
    if (s->window == 0)
        error = EFBIG;
    s->n_heap = 0;
    for (size_t i = 0; i < s->n_runs && error == 0; i++) {
        struct run *r = &s->run[i];
        r->window = s->item + i * s->window * s->width;
        r->read = 0;
        error = fill(s, r);
        s->heap[s->n_heap++] = r;
    }
    for (size_t i = s->n_heap / 2; i-- > 0 && error == 0;)
        sift(s, i);
    return error;
}

/* Takes the smallest of all off its run. */
static int take(struct sorter *s, uint8_t *to)
{
    struct run *r = s->heap[0];
    int error = 0;
    memcpy(to, head(s, r), s->width);
    if (++r->at == r->have) {
        if (r->read < r->items)
            error = fill(s, r);
        else
            s->heap[0] = s->heap[--s->n_heap];
    }
    sift(s, 0);
    return error;
}

/* ── Reading ── */

int sorter_rewind(struct sorter *s)
{
    s->has_last = false;
    s->at = 0;
    if (s->fd >= 0)
        return begin_merge(s);
    if (!s->sorted)
        sort(s);
    s->sorted = true;
    return 0;
}

static bool is_left(const struct sorter *s)
{
    return s->fd >= 0 ? s->n_heap > 0 : s->at < s->n;
}

const uint8_t *sorter_next(struct sorter *s, int *error)
{
    uint8_t item[SORTER_WIDTH_MAX];
    *error = 0;
    while (is_left(s) && *error == 0) {
        if (s->fd >= 0)
            *error = take(s, item);
        else
            memcpy(item, s->item + s->at++ * s->width, s->width);
        if (*error != 0 || (s->has_last && memcmp(item, s->last, s->width) == 0))
            continue;
        memcpy(s->last, item, s->width);
        s->has_last = true;
        return s->last;
    }
    return NULL;
}
