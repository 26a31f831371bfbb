#include "cli/geranos_job.h"

#include "cli/geranos_metrics.h"

#include "sys/file.h"
#include "sys/log.h"
#include "sys/xalloc.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCES_MAX (256 << 20) /* bytes of a list of them */
#define DIGITS 12                  /* of a digest, for people */
#define SHOWN 20                   /* failures on standard error */

static atomic_bool stop;
static volatile sig_atomic_t stopped_by;

const atomic_bool *const geranos_job_stop = &stop;

/* The first asks for an end in order, the second gets one at once. */
static void interrupted(int number)
{
    if (atomic_exchange(&stop, true)) {
        /* NOLINTNEXTLINE(bugprone-signal-handler): it is async-signal-safe, as it says */
        progress_abandon();
        signal(number, SIG_DFL);
        raise(number);
    }
    stopped_by = number;
}

/* ── References ── */

/* A reference may begin with the registry's name, as other tools print it. */
static const char *without_registry(const char *line, const char *registry)
{
    size_t n = strlen(registry);
    const char *scheme = strstr(line, "://");
    const char *rest = scheme != NULL ? scheme + 3 : line;
    return strncmp(rest, registry, n) == 0 && rest[n] == '/' ? rest + n + 1 : line;
}

static void add_reference(struct geranos_job *j, const char *text)
{
    j->reference = xalloc_grow(j->reference, j->n_references, sizeof(*j->reference));
    j->reference[j->n_references++] = without_registry(text, registry_name(j->source));
}

/* Blank lines and those that begin with # say nothing. */
static void add_lines(struct geranos_job *j)
{
    for (char *next = j->lines, *line; (line = strsep(&next, "\n")) != NULL;) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t\r")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            add_reference(j, line);
    }
}

/* False: it has been said why. */
static bool read_references(struct geranos_job *j)
{
    size_t len;
    const struct geranos_options *o = j->options;
    for (size_t i = 0; i < o->reference.n; i++)
        add_reference(j, o->reference.text[i]);
    if (o->references == NULL)
        return true;
    bool standard = strcmp(o->references, "-") == 0;
    const char *name = standard ? "standard input" : o->references;
    int error =
        file_read(standard ? "/dev/stdin" : o->references, REFERENCES_MAX, &j->lines, &len, NULL);
    if (error == 0)
        add_lines(j);
    if (error != 0)
        log_error("%s cannot be read: %s", name, strerror(error));
    else if (j->n_references == 0)
        log_error("%s names no image: expected REPOSITORY:TAG or REPOSITORY@DIGEST, one a line",
                  name);
    return error == 0 && j->n_references > 0;
}

/* ── Opening ── */

static bool open_source(struct geranos_job *j)
{
    char error[256];
    if (j->options->from == NULL)
        return true;
    j->source = registry_open(j->options->from, error);
    if (j->source == NULL) {
        log_error("%s", error);
        return false;
    }
    registry_limit(j->source, j->options->requests, j->options->bandwidth);
    return read_references(j);
}

static bool open_stores(struct geranos_job *j)
{
    char error[256];
    for (size_t i = 0; i < j->options->to.n; i++) {
        j->store[i] = store_open(j->options->to.text[i], error);
        if (j->store[i] == NULL) {
            log_error("%s", error);
            return false;
        }
        j->n_stores++;
    }
    return true;
}

/* Whether what fails can be written is found out before anything is copied. */
static bool try_failures(const char *path)
{
    FILE *f = path != NULL ? fopen(path, "ae") : NULL;
    if (path != NULL && f == NULL)
        log_error("--failures: %s cannot be written: %s", path, strerror(errno));
    if (f != NULL)
        fclose(f);
    return path == NULL || f != NULL;
}

bool geranos_job_open(struct geranos_job *j, const struct geranos_options *o)
{
    *j = (struct geranos_job){.options = o};
    log_set_level(o->log_level);
    if (!progress_is_terminal())
        log_set_json();
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    return try_failures(o->failures) && open_source(j) && open_stores(j);
}

void geranos_job_close(struct geranos_job *j)
{
    for (size_t i = 0; i < j->n_stores; i++)
        store_close(j->store[i]);
    registry_close(j->source);
    free(j->lines);
    free(j->reference);
}

/* ── A run ── */

static void failed(void *owner, const char *what, const char *why)
{
    struct geranos_job *j = owner;
    progress_failure(j->progress, what, why);
}

static void retried(void *owner, const char *why)
{
    struct geranos_job *j = owner;
    progress_retry(j->progress, why);
}

void geranos_job_watch(struct geranos_job *j, struct report *report)
{
    report_watch(report, &(struct report_watcher){failed, retried, j});
}

static void listed(void *owner)
{
    struct geranos_job *j = owner;
    progress_event(j->progress, LOG_LEVEL_INFO, "listed");
}

static void copied(void *owner, const char *blob, int64_t size)
{
    struct geranos_job *j = owner;
    progress_blob(j->progress, "copied", blob, size);
}

static struct pattern_lists patterns(const struct geranos_options_texts *include,
                                     const struct geranos_options_texts *exclude)
{
    return (struct pattern_lists){include->text, include->n, exclude->text, exclude->n};
}

struct sync_options geranos_job_sync(struct geranos_job *j)
{
    static const struct geranos_options_texts none;
    const struct geranos_options *o = j->options;
    return (struct sync_options){
        .source = j->source,
        .store = j->store,
        .n_stores = j->n_stores,
        .repositories = patterns(&o->include, &o->exclude),
        .tags = patterns(&o->tag, &o->exclude_tag),
        .platforms = patterns(&o->platform, &none),
        .reference = j->reference,
        .n_references = j->n_references,
        .blobs = o->blobs,
        .records = o->records,
        .jobs = (unsigned)o->jobs,
        .shard = o->shard,
        .shards = o->shards,
        .stop = &stop,
        .listed = listed,
        .copied = copied,
        .owner = j,
    };
}

/* "repository@sha256:0123456789ab" */
static void name_shortly(const struct geranos_job *j, const char *blob,
                         char out[PROGRESS_TEXT_NAME_MAX])
{
    size_t before = strlen(registry_name(j->source)) + 1;
    const char *name = strlen(blob) > before ? blob + before : blob;
    const char *digest = strrchr(name, ':');
    size_t len = strlen(name), most = digest != NULL ? (size_t)(digest - name) + 1 + DIGITS : len;
    snprintf(out, PROGRESS_TEXT_NAME_MAX, "%.*s", (int)(len < most ? len : most), name);
}

static void read_state(void *owner, struct progress_text_state *out)
{
    struct geranos_job *j = owner;
    struct sync_status s;
    struct sync_flight flight[PROGRESS_TEXT_FLIGHTS];
    sync_status(j->sync, &s);
    *out = (struct progress_text_state){
        .images = s.manifests,
        .images_known = s.manifests_known,
        .blobs = s.blobs_copied,
        .blobs_known = s.blobs,
        .bytes = s.bytes_copied,
        .bytes_known = s.bytes,
        .retries = s.retries,
        .failed = report_failures(sync_report(j->sync)),
        .running = s.running,
        .searching = s.manifests_known == 0 || s.manifests < s.manifests_known,
    };
    out->n_flights = sync_flights(j->sync, flight, PROGRESS_TEXT_FLIGHTS);
    for (size_t i = 0; i < out->n_flights; i++) {
        name_shortly(j, flight[i].blob, out->flight[i].name);
        out->flight[i].size = flight[i].size;
        out->flight[i].got = flight[i].got;
    }
}

bool geranos_job_run(struct geranos_job *j, const char *command, const struct sync_options *o)
{
    const char *why = "out of memory";
    const struct progress_options progress = {command, read_state, j, j->options->log_level};
    j->sync = sync_new(o);
    if (j->sync != NULL) {
        geranos_job_watch(j, sync_report(j->sync));
        j->progress = progress_begin(&progress);
        geranos_metrics_begin(j->metrics, j);
        if (sync_run(j->sync, &why))
            return true;
    }
    geranos_job_finish(j, false, NULL);
    log_error("%s", why);
    return false;
}

/* It went well nevertheless, but other programs of this machine may not be so kind. */
static void say_wrong_clocks(const struct geranos_job *j)
{
    for (size_t i = 0; i < j->n_stores; i++) {
        long long ahead = store_ahead(j->store[i]);
        if (ahead != 0)
            log_warning("%s refuses requests by this machine's clock, which is %lld s %s its own: "
                        "set this machine's clock",
                        store_name(j->store[i]), llabs(ahead), ahead > 0 ? "behind" : "ahead of");
    }
}

void geranos_job_finish(struct geranos_job *j, bool fine, json_t *more)
{
    bool running = j->progress != NULL;
    progress_end(j->progress,
                 atomic_load(&stop) ? "interrupted"
                 : fine             ? "complete"
                                    : "incomplete",
                 more);
    j->progress = NULL;
    if (running)
        say_wrong_clocks(j);
}

json_t *geranos_job_sums(const struct geranos_job *j, const struct catalog_sums *sums)
{
    json_t *stores = json_array();
    for (unsigned i = 0; i < j->n_stores; i++)
        json_array_append_new(stores,
                              json_pack("{s:s,s:b,s:I,s:I,s:I}", "store", store_name(j->store[i]),
                                        "listed", sync_has_listed(j->sync, i), "missing",
                                        (json_int_t)(sums->missing[i] - sums->wrong_size[i]),
                                        "wrong_size", (json_int_t)sums->wrong_size[i],
                                        "missing_bytes", (json_int_t)sums->missing_bytes[i]));
    return json_pack("{s:I,s:I,s:I,s:o}", "source_images", (json_int_t)sums->images, "source_blobs",
                     (json_int_t)sums->blobs, "source_bytes", (json_int_t)sums->bytes, "stores",
                     stores);
}

static void summarise_store(const struct geranos_job *j, unsigned i,
                            const struct catalog_sums *sums, FILE *to)
{
    char bytes[PROGRESS_TEXT_BYTES_MAX];
    uint64_t wrong = sums->wrong_size[i], missing = sums->missing[i] - wrong;
    progress_text_bytes(sums->missing_bytes[i], bytes);
    if (!sync_has_listed(j->sync, i))
        fprintf(to, "%s: could not be listed\n", store_name(j->store[i]));
    else if (wrong > 0)
        fprintf(to,
                "%s: lacks %" PRIu64 " blobs and holds %" PRIu64 " with a wrong size, %s in all\n",
                store_name(j->store[i]), missing, wrong, bytes);
    else if (sums->images > 0)
        fprintf(to, "%s: lacks %" PRIu64 " blobs, %s\n", store_name(j->store[i]), missing, bytes);
}

void geranos_job_summarise(const struct geranos_job *j, const struct catalog_sums *sums, FILE *to)
{
    char bytes[PROGRESS_TEXT_BYTES_MAX];
    progress_text_bytes(sums->bytes, bytes);
    if (sums->images > 0)
        fprintf(to, "%s: %" PRIu64 " images, %" PRIu64 " blobs, %s\n", registry_name(j->source),
                sums->images, sums->blobs, bytes);
    for (unsigned i = 0; i < j->n_stores; i++)
        summarise_store(j, i, sums, to);
}

void geranos_job_end(struct geranos_job *j)
{
    geranos_job_finish(j, false, NULL);
    sync_free(j->sync);
    j->sync = NULL;
}

/* ── The end ── */

int geranos_job_code(bool fine)
{
    if (!atomic_load(&stop))
        return fine ? 0 : 1;
    log_warning("interrupted: run it again, and it goes on where it was");
    return 128 + stopped_by;
}

bool geranos_job_failures(const struct geranos_job *j, struct report *report)
{
    const char *path = j->options->failures;
    uint64_t n = report_failures(report);
    if (path == NULL) {
        if (!progress_is_terminal())
            return true;
        report_write(report, SHOWN, stderr);
        if (n > SHOWN)
            fprintf(stderr, "and %llu more: --failures FILE has them all\n",
                    (unsigned long long)(n - SHOWN));
        return true;
    }
    FILE *f = fopen(path, "we");
    if (f != NULL)
        report_write(report, SIZE_MAX, f);
    int error = f == NULL ? errno : 0;
    if (f != NULL && fclose(f) != 0)
        error = errno;
    if (error != 0)
        log_error("%s cannot be written: %s", path, strerror(error));
    return error == 0;
}
