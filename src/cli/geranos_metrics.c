#include "cli/geranos_metrics.h"

#include "io/stream.h"
#include "server/exposition.h"
#include "server/pages.h"
#include "sys/clock.h"
#include "sys/log.h"
#include "sys/thread.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS 200 /* how late the end is noticed */

struct geranos_metrics {
    struct loop loop;
    struct pages *pages;
    pthread_t thread;
    atomic_bool ending;
    pthread_mutex_t lock; /* of what follows */
    struct geranos_job *job;
    bool running;
    int64_t began;
    struct sync_status before; /* of all runs that have ended */
    uint64_t failures_before;
    uint64_t complete, incomplete; /* runs */
    int64_t ended;                 /* Unix seconds; 0: never, as below */
    int64_t succeeded;
    double duration; /* seconds */
    bool fine;
    struct catalog_sums sums; /* of the last run that could be tried */
    bool has_sums;
};

/* ── Text, with the lock held ── */

static void add_status(struct sync_status *to, const struct sync_status *s)
{
    to->blobs_copied += s->blobs_copied;
    to->blobs_failed += s->blobs_failed;
    to->bytes_copied += s->bytes_copied;
    to->retries += s->retries;
    to->throttled += s->throttled;
}

static void put_seconds(FILE *f, const char *name, const char *help, double value)
{
    exposition_family(f, name, "gauge", help);
    fprintf(f, "%s %.3f\n", name, value);
}

static void put_runs(FILE *f, const struct geranos_metrics *m)
{
    exposition_family(f, "geranos_build_info", "gauge", "1, with the version.");
    fputs("geranos_build_info{version=\"" ARCHEIO_VERSION "\"} 1\n", f);
    exposition_family(f, "geranos_runs_total", "counter", "Runs that have ended, by result.");
    fprintf(f, "geranos_runs_total{result=\"complete\"} %" PRIu64 "\n", m->complete);
    fprintf(f, "geranos_runs_total{result=\"incomplete\"} %" PRIu64 "\n", m->incomplete);
    exposition_single(f, "geranos_running", "gauge", "Whether a run is under way.", m->running);
    exposition_single(f, "geranos_last_run_timestamp_seconds", "gauge",
                      "When the last run ended; 0: none has.", (uint64_t)m->ended);
    exposition_single(f, "geranos_last_complete_run_timestamp_seconds", "gauge",
                      "When the last run ended after which everything was there; 0: none has.",
                      (uint64_t)m->succeeded);
    exposition_single(f, "geranos_last_run_complete", "gauge",
                      "Whether everything was there after the last run.", m->fine);
    put_seconds(f, "geranos_last_run_duration_seconds", "How long the last run took.", m->duration);
}

static void put_work(FILE *f, const struct geranos_metrics *m)
{
    struct sync_status now = {.manifests = 0}, all = m->before;
    uint64_t failures = m->failures_before, left;
    if (m->running) {
        sync_status(m->job->sync, &now);
        add_status(&all, &now);
        failures += report_failures(sync_report(m->job->sync));
    }
    left = now.blobs - now.blobs_copied - now.blobs_failed;
    exposition_single(f, "geranos_blobs_copied_total", "counter", "Blobs that were copied.",
                      all.blobs_copied);
    exposition_single(f, "geranos_bytes_copied_total", "counter",
                      "Bytes of blobs that were read from the registry.", all.bytes_copied);
    exposition_single(f, "geranos_failures_total", "counter",
                      "Images, blobs and stores that failed for good.", failures);
    exposition_single(f, "geranos_retries_total", "counter", "Attempts after one that failed.",
                      all.retries);
    exposition_single(f, "geranos_throttled_total", "counter",
                      "Answers of the registry or a store that wanted less.", all.throttled);
    exposition_single(f, "geranos_blobs_in_flight", "gauge", "Blobs that are being copied.",
                      now.running);
    exposition_single(f, "geranos_blobs_waiting", "gauge",
                      "Blobs that are known to be missing and are not being copied yet.",
                      left > now.running ? left - now.running : 0);
}

static void put_store(FILE *f, const struct geranos_metrics *m, const char *name, const char *help,
                      const uint64_t value[CATALOG_STORES_MAX])
{
    exposition_family(f, name, "gauge", help);
    for (unsigned i = 0; i < m->job->n_stores; i++) {
        fprintf(f, "%s{", name);
        exposition_label(f, "store", str_from(store_name(m->job->store[i])));
        fprintf(f, "} %" PRIu64 "\n", value[i]);
    }
}

static void put_sums(FILE *f, const struct geranos_metrics *m)
{
    exposition_single(f, "geranos_source_images", "gauge",
                      "Images of the registry, as the last run found them.", m->sums.images);
    exposition_single(f, "geranos_source_blobs", "gauge", "Their blobs.", m->sums.blobs);
    exposition_single(f, "geranos_source_bytes", "gauge", "The bytes of those.", m->sums.bytes);
    put_store(f, m, "geranos_store_missing_blobs",
              "Blobs that a store lacked after the last run, or held with a wrong size.",
              m->sums.missing);
    put_store(f, m, "geranos_store_missing_bytes", "The bytes of those.", m->sums.missing_bytes);
    put_store(f, m, "geranos_store_wrong_size_blobs",
              "Blobs that a store held with another size than the manifest says.",
              m->sums.wrong_size);
}

static char *make_text(struct geranos_metrics *m, size_t *len)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, len);
    if (f == NULL)
        return NULL;
    pthread_mutex_lock(&m->lock);
    put_runs(f, m);
    put_work(f, m);
    if (m->has_sums)
        put_sums(f, m);
    pthread_mutex_unlock(&m->lock);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

/* ── The listener ── */

static bool answer(void *owner, struct str path, struct pages_answer *out)
{
    if (str_eq(path, STR("/metrics"))) {
        *out = (struct pages_answer){.status = "200 OK"};
        out->body = make_text(owner, &out->len);
        return true;
    }
    if (!str_eq(path, STR("/healthz")))
        return false;
    *out = (struct pages_answer){"200 OK", strdup("ok\n"), 3};
    return true;
}

static void *run(void *argument)
{
    struct geranos_metrics *m = argument;
    while (!atomic_load(&m->ending))
        loop_turn(&m->loop, TURN_MS);
    return NULL;
}

/* False: *why (static). */
static bool begin(struct geranos_metrics *m, const char *address, const char **why)
{
    const struct thread_options options = {.name = "metrics", .cpu = -1};
    const struct pages_options pages = {answer, m, "/metrics or /healthz\n"};
    *why = "out of memory";
    if (loop_open(&m->loop, stream_expired) != 0)
        return false;
    m->pages = pages_open(&m->loop, address, &pages, why);
    if (m->pages != NULL && thread_start(&m->thread, &options, run, m) == 0)
        return true;
    if (m->pages != NULL)
        *why = "no thread can be had";
    pages_close(m->pages);
    loop_close(&m->loop);
    return false;
}

struct geranos_metrics *geranos_metrics_open(const char *address)
{
    const char *why = "out of memory";
    struct geranos_metrics *m = calloc(1, sizeof(*m));
    if (m != NULL) {
        pthread_mutex_init(&m->lock, NULL);
        if (begin(m, address, &why)) {
            log_info("metrics: http://%s/metrics", pages_address(m->pages));
            return m;
        }
        pthread_mutex_destroy(&m->lock);
        free(m);
    }
    log_error("--metrics: cannot listen on \"%s\": %s", address, why);
    return NULL;
}

void geranos_metrics_close(struct geranos_metrics *m)
{
    if (m == NULL)
        return;
    atomic_store(&m->ending, true);
    pthread_join(m->thread, NULL);
    pages_close(m->pages);
    loop_close(&m->loop);
    pthread_mutex_destroy(&m->lock);
    free(m);
}

/* ── Runs ── */

void geranos_metrics_begin(struct geranos_metrics *m, struct geranos_job *j)
{
    if (m == NULL)
        return;
    pthread_mutex_lock(&m->lock);
    m->job = j;
    m->running = true;
    m->began = clock_now();
    pthread_mutex_unlock(&m->lock);
}

void geranos_metrics_end(struct geranos_metrics *m, bool fine, const struct catalog_sums *sums)
{
    struct sync_status s;
    if (m == NULL)
        return;
    pthread_mutex_lock(&m->lock);
    if (m->running) {
        sync_status(m->job->sync, &s);
        add_status(&m->before, &s);
        m->failures_before += report_failures(sync_report(m->job->sync));
        m->duration = (double)(clock_now() - m->began) / (double)CLOCK_S;
    }
    m->running = false;
    m->fine = fine;
    m->ended = clock_wall();
    m->succeeded = fine ? m->ended : m->succeeded;
    m->complete += fine;
    m->incomplete += !fine;
    m->has_sums |= sums != NULL;
    if (sums != NULL)
        m->sums = *sums;
    pthread_mutex_unlock(&m->lock);
}
