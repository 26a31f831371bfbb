#include "ranges/update.h"

#include "ranges/source.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TIMEOUT_MS = 60000,
    CONNECT_TIMEOUT_MS = 10000,
    REDIRECTS = 3,
    FILE_MODE = 0644,
    PERCENT = 100,
};

/* One update on its way. */
struct job {
    const struct source *source;
    const struct update_options *options;
    const struct ranges *held;
    struct state_entry *state;
    struct update_result *result;
    char *path;
    struct str old; /* the file on disk; owned */
    char url[SOURCE_URL_MAX];
    struct fetch_response response;
};

static void fail(struct job *j, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct job *j, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(j->result->error, sizeof(j->result->error), format, arguments);
    va_end(arguments);
    j->result->outcome = UPDATE_FAILED;
}

static void read_old(struct job *j)
{
    struct stat st;
    char *data;
    size_t len;
    if (file_read(j->path, RANGES_FILE_MAX, &data, &len, &st) != 0)
        return;
    struct diag ignored = {0};
    j->old = str_make(data, len);
    j->result->before = ranges_parse(j->source->file, data, len, &ignored);
    diag_clear(&ignored);
}

static bool can_write(const char *directory)
{
    return file_make_directory(directory) == 0 && access(directory, W_OK | X_OK) == 0;
}

/* A condition only where what it stands for is what we have, and came from there. What is held only
 * because the directory could not be written is asked for again once it can be. */
static void add_condition(const struct job *j, struct fetch_request *request)
{
    const struct state_entry *s = j->state;
    bool have = j->held != NULL ? !can_write(j->options->directory)
                                : j->result->before != NULL && state_hash(j->old) == s->hash;
    if (!have || s->checked == 0 || strcmp(s->url, request->url) != 0)
        return;
    request->etag = s->etag[0] != '\0' ? s->etag : NULL;
    request->modified_since = s->modified;
}

static bool get(struct job *j, bool conditional)
{
    char error[256] = "";
    struct fetch_request request = {
        .url = j->url,
        .https_only = true,
        .timeout_ms = TIMEOUT_MS,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .redirects = REDIRECTS,
        .max_bytes = RANGES_FILE_MAX,
        .stop = j->options->stop,
    };
    if (!str_starts(str_from(j->url), STR("https://"))) {
        fail(j, "%s: only https:// addresses are fetched", j->url);
        return false;
    }
    if (conditional)
        add_condition(j, &request);
    fetch_release(&j->response);
    update_get *getter = j->options->get != NULL ? j->options->get : fetch_get;
    if (!getter(&request, &j->response, error)) {
        fail(j, "%s: %s", j->url, error);
        return false;
    }
    bool unasked = j->response.status == 304 && request.etag == NULL && request.modified_since == 0;
    if ((j->response.status != 200 && j->response.status != 304) || unasked) {
        fail(j, "%s: the server answered %ld, expected 200", j->url, j->response.status);
        return false;
    }
    return true;
}

static struct str body_of(const struct job *j)
{
    return str_make(j->response.body, j->response.len);
}

static bool looks_like_json(struct str body)
{
    size_t i = 0;
    while (i < body.len && body.data[i] != '\0' && strchr(" \t\r\n", body.data[i]) != NULL)
        i++;
    return i < body.len && body.data[i] == '{';
}

/* Azure's address leads to a page; a mirror's may lead to the file itself. */
static bool get_file(struct job *j)
{
    const char *begin = source_url(j->source);
    char link[SOURCE_URL_MAX];
    if (strlen(begin) >= sizeof(j->url)) {
        fail(j, "the address in %s is too long", j->source->variable);
        return false;
    }
    strcpy(j->url, begin);
    if (!get(j, true))
        return false;
    if (strcmp(j->source->cloud, "azure") != 0 || j->response.status == 304 ||
        looks_like_json(body_of(j)))
        return true;
    if (!source_find_link(begin, body_of(j), link)) {
        fail(j,
             "%s: the page has no link to a Service Tags file; download it by hand and put it "
             "into the directory as %s",
             begin, j->source->file);
        return false;
    }
    strcpy(j->url, link);
    return get(j, true);
}

static bool shrank_too_much(struct job *j, const struct ranges *before, const struct ranges *after)
{
    if (before == NULL || after->n_ranges >= before->n_ranges)
        return false;
    size_t lost = before->n_ranges - after->n_ranges;
    if (lost * PERCENT <= before->n_ranges * j->options->max_shrink)
        return false;
    fail(j,
         "%s: has %zu prefixes, %zu fewer than the %zu we have, more than ranges.max_shrink (%u%%) "
         "allows; if that is right, delete %s and update again",
         j->url, after->n_ranges, lost, before->n_ranges, j->options->max_shrink, j->source->file);
    return true;
}

static struct ranges *check(struct job *j)
{
    struct diag d = {0};
    struct ranges *after = ranges_parse(j->source->file, j->response.body, j->response.len, &d);
    if (after == NULL && d.n > 0)
        fail(j, "%s: line %u, column %u: %s", j->url, d.message[0].line, d.message[0].column,
             d.message[0].text);
    diag_clear(&d);
    const struct ranges *before = j->held != NULL ? j->held : j->result->before;
    if (after != NULL && shrank_too_much(j, before, after)) {
        ranges_free(after);
        return NULL;
    }
    return after;
}

static int64_t date_of(const struct job *j)
{
    return j->response.modified > 0 ? j->response.modified : clock_wall();
}

static void write_file(struct job *j)
{
    int error = file_make_directory(j->options->directory);
    if (error == 0)
        error = file_replace(j->path, j->response.body, j->response.len, FILE_MODE, date_of(j));
    if (error == 0)
        return;
    fail(j, "%s: cannot be written: %s", j->path, strerror(error));
    if (j->options->keep_in_memory) {
        j->result->outcome = UPDATE_CHANGED;
        j->result->unwritten = true;
    }
}

static void remember(struct job *j)
{
    struct state_entry *s = j->state;
    s->checked = clock_wall();
    if (j->response.status == 304)
        return;
    s->modified = j->response.modified;
    s->hash = state_hash(body_of(j));
    memcpy(s->url, j->url, sizeof(s->url));
    memcpy(s->etag, j->response.etag, sizeof(s->etag));
}

static void take(struct job *j)
{
    struct update_result *result = j->result;
    if (j->response.status == 304) {
        remember(j);
        return;
    }
    struct ranges *after = check(j);
    if (after == NULL)
        return;
    if (after->file[0].modified == 0)
        after->file[0].modified = date_of(j);
    result->after = after;
    result->outcome = UPDATE_CHANGED;
    bool same_held = j->held != NULL && j->state->hash == state_hash(body_of(j));
    if (j->held == NULL && result->before != NULL && str_eq(j->old, body_of(j)))
        result->outcome = UPDATE_CURRENT;
    else
        write_file(j);
    if (result->unwritten && same_held) {
        result->outcome = UPDATE_CURRENT;
        result->unwritten = false;
    }
    if (result->outcome != UPDATE_FAILED)
        remember(j);
    if (result->outcome != UPDATE_CHANGED) {
        ranges_free(result->after);
        result->after = NULL;
    }
}

void update_source(size_t source, const struct update_options *options, const struct ranges *held,
                   struct state_entry *state, struct update_result *result)
{
    struct job j = {.source = &source_table[source],
                    .options = options,
                    .held = held,
                    .state = state,
                    .result = result};
    *result = (struct update_result){.outcome = UPDATE_CURRENT};
    size_t size = strlen(options->directory) + strlen(j.source->file) + 2;
    j.path = xalloc_zero(size, 1);
    snprintf(j.path, size, "%s/%s", options->directory, j.source->file);
    read_old(&j);
    if (get_file(&j))
        take(&j);
    result->kept = held != NULL || result->before != NULL ? "the old data stays"
                                                          : "and there is no older data";
    fetch_release(&j.response);
    free((char *)(uintptr_t)j.old.data);
    free(j.path);
}

void update_release(struct update_result *result)
{
    ranges_free(result->before);
    ranges_free(result->after);
    result->before = result->after = NULL;
}
