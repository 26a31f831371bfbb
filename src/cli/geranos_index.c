#include "cli/geranos_index.h"

#include "cli/geranos.h"

#include "sys/file.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WITHOUT_MAX (256 << 20) /* bytes of a list of digests */

static const char *const result_name[] = {[PUBLISH_FAILED] = "failed",
                                          [PUBLISH_NEW] = "published",
                                          [PUBLISH_SAME] = "unchanged",
                                          [PUBLISH_YIELDED] = "newer"};

/* ── What is left out ── */

/* A digest, or a key that ends with one. Blank lines and those that begin with # say nothing. */
static bool take_line(struct digests *to, char *line)
{
    struct digest d;
    bool is_new;
    line += strspn(line, " \t");
    line[strcspn(line, " \t\r")] = '\0';
    if (line[0] == '\0' || line[0] == '#')
        return true;
    struct str text = str_from(line);
    size_t slash = str_find_last(text, '/');
    if (slash < text.len)
        text = str_skip(text, slash + 1);
    return digest_parse(text, &d) == DIGEST_OK && digests_add(to, &d, &is_new) != NULL;
}

/* False: why not is in the report. */
static bool read_without(const char *path, struct digests *out, struct report *report)
{
    char *text = NULL, why[128] = "";
    size_t len, n = 1;
    int error = path != NULL ? file_read(path, WITHOUT_MAX, &text, &len, NULL) : 0;
    if (error != 0)
        snprintf(why, sizeof(why), "cannot be read: %s", strerror(error));
    for (char *next = text, *line; (line = strsep(&next, "\n")) != NULL && why[0] == '\0'; n++)
        if (!take_line(out, line))
            snprintf(why, sizeof(why), "line %zu: expected a digest, such as sha256:HEX", n);
    free(text);
    if (why[0] != '\0')
        report_failure(report, path, why);
    return why[0] == '\0';
}

/* ── Publishing ── */

void geranos_index_publish(struct geranos_job *j, struct report *report, struct geranos_index *out)
{
    struct digests without = {.n = 0};
    bool known = read_without(j->options->without, &without, report);
    for (unsigned i = 0; i < j->n_stores; i++) {
        const struct publish_options options = {.store = j->store[i],
                                                .blobs = j->options->blobs,
                                                .without = &without,
                                                .jobs = (unsigned)j->options->jobs,
                                                .check = j->sync == NULL,
                                                .report = report,
                                                .stop = geranos_job_stop};
        out->of[i] = (struct publish_outcome){.result = PUBLISH_FAILED};
        if (known && (j->sync == NULL || sync_has_listed(j->sync, i)))
            publish_run(&options, &out->of[i]);
    }
    digests_clear(&without);
}

static uint64_t digests(const struct publish_outcome *o)
{
    return o->pointer.count[0] + o->pointer.count[1];
}

json_t *geranos_index_sums(const struct geranos_job *j, const struct geranos_index *x)
{
    json_t *stores = json_array();
    for (unsigned i = 0; i < j->n_stores; i++) {
        const struct publish_outcome *o = &x->of[i];
        json_array_append_new(
            stores, json_pack("{s:s,s:s,s:I,s:I,s:I}", "store", store_name(j->store[i]), "result",
                              result_name[o->result], "digests", (json_int_t)digests(o), "left_out",
                              (json_int_t)o->left_out, "time", (json_int_t)o->pointer.time));
    }
    return stores;
}

void geranos_index_summarise(const struct geranos_job *j, const struct geranos_index *x)
{
    static const char *const words[] = {
        [PUBLISH_NEW] = "published",
        [PUBLISH_SAME] = "confirmed, as it was",
        [PUBLISH_YIELDED] = "is somebody else's, who began to list later: left as it is"};
    for (unsigned i = 0; i < j->n_stores; i++) {
        const struct publish_outcome *o = &x->of[i];
        char object[DIGEST_TEXT_MAX];
        if (o->result == PUBLISH_FAILED)
            continue;
        int len = (int)digest_format(&o->pointer.object, object);
        printf("%s: index of %" PRIu64 " blobs %s (%.*s)", store_name(j->store[i]), digests(o),
               words[o->result], len, object);
        if (o->left_out > 0)
            printf("; %" PRIu64 " that are there left out", o->left_out);
        putchar('\n');
        if (o->warning[0] != '\0')
            log_warning("sets that its index no longer names stay: %s", o->warning);
    }
}

/* ── The command ── */

struct indexing {
    struct geranos_job job;
    struct report report;
    struct geranos_index index;
};

static void read_state(void *owner, struct progress_text_state *out)
{
    struct indexing *x = owner;
    *out = (struct progress_text_state){.retries = report_retries(&x->report),
                                        .failed = report_failures(&x->report),
                                        .running = 1,
                                        .searching = true};
}

static bool run(struct indexing *x)
{
    struct geranos_job *j = &x->job;
    const struct progress_options progress = {"geranos index", read_state, x,
                                              j->options->log_level};
    geranos_job_watch(j, &x->report);
    j->progress = progress_begin(&progress);
    geranos_index_publish(j, &x->report, &x->index);
    bool fine = report_failures(&x->report) == 0 && !atomic_load(geranos_job_stop);
    geranos_job_finish(j, fine, json_pack("{s:o}", "indexes", geranos_index_sums(j, &x->index)));
    geranos_index_summarise(j, &x->index);
    return geranos_job_failures(j, &x->report) && fine;
}

int geranos_index_main(const struct geranos_options *o)
{
    struct indexing x = {.job = {.options = o}};
    report_open(&x.report);
    bool fine = geranos_job_open(&x.job, o) && run(&x);
    geranos_job_close(&x.job);
    report_close(&x.report);
    return geranos_job_code(fine);
}
