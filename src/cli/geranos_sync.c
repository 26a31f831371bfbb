#include "cli/geranos.h"

#include "cli/geranos_index.h"
#include "cli/geranos_metrics.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>
#include <sys/random.h>
#include <time.h>

static void summarise(const struct geranos_job *j, const struct sync_options *o,
                      const struct catalog_sums *sums)
{
    struct sync_status status;
    char bytes[PROGRESS_TEXT_BYTES_MAX];
    sync_status(j->sync, &status);
    geranos_job_summarise(j, sums, stdout);
    progress_text_bytes(status.bytes_stored, bytes);
    if (!o->plan)
        printf("copied %" PRIu64 " blobs, %s; retries: %" PRIu64 "; failures: %" PRIu64 "\n",
               status.blobs_copied, bytes, status.retries, report_failures(sync_report(j->sync)));
}

/* Is everything there, as far as this run is to see to it? */
static bool is_complete(struct sync *s, const struct sync_options *o,
                        const struct catalog_sums *sums)
{
    uint64_t missing = report_failures(sync_report(s));
    for (size_t i = 0; i < o->n_stores && o->shards == 1 && !o->plan; i++)
        missing += sums->missing[i];
    return missing == 0;
}

/* After a run, whatever it could not copy: an index is of what is there. */
static bool finish(struct geranos_job *j, const struct sync_options *o, struct catalog_sums *sums)
{
    struct geranos_index index;
    bool indexes = j->options->index && !o->plan && !atomic_load(o->stop);
    if (indexes)
        geranos_index_publish(j, sync_report(j->sync), &index);
    catalog_sum(sync_catalog(j->sync), (unsigned)o->n_stores, sums);
    bool fine = is_complete(j->sync, o, sums);
    json_t *more = geranos_job_sums(j, sums);
    if (indexes)
        json_object_set_new(more, "indexes", geranos_index_sums(j, &index));
    geranos_job_finish(j, fine, more);
    summarise(j, o, sums);
    if (indexes)
        geranos_index_summarise(j, &index);
    fflush(stdout);
    return geranos_job_failures(j, sync_report(j->sync)) && fine;
}

static bool run(struct geranos_job *j, const char *command, const struct sync_options *o)
{
    struct catalog_sums sums;
    bool ran = geranos_job_run(j, command, o);
    bool fine = ran && finish(j, o, &sums);
    geranos_metrics_end(j->metrics, fine, ran ? &sums : NULL);
    geranos_job_end(j);
    return fine;
}

/* ── A service ── */

#define JITTER 10       /* a run begins late by at most a tenth of the time between two */
#define PATIENCE_MS 200 /* how late a signal is noticed */

/* Many that were started together do not stay together. */
static int64_t jitter(int64_t every)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != sizeof(random))
        return 0;
    return (int64_t)(random % ((uint64_t)every / JITTER + 1));
}

static void wait_for_next(int64_t began, int64_t every)
{
    int64_t now = clock_now(), until = began + every > now ? began + every : now;
    until += jitter(every);
    for (; now < until && !atomic_load(geranos_job_stop); now = clock_now()) {
        int64_t left = until - now, most = PATIENCE_MS * CLOCK_MS;
        nanosleep(&(struct timespec){.tv_nsec = (long)(left < most ? left : most)}, NULL);
    }
}

/* A signal is how a service ends. */
static int serve(struct geranos_job *j, const struct sync_options *o)
{
    while (!atomic_load(geranos_job_stop)) {
        int64_t began = clock_now();
        run(j, "geranos sync", o);
        wait_for_next(began, j->options->every);
    }
    log_info("ended by a signal");
    return 0;
}

/* ── The commands ── */

static int run_job(struct geranos_job *j, bool plan)
{
    struct sync_options options = geranos_job_sync(j);
    options.plan = plan;
    if (!plan && j->options->metrics != NULL) {
        j->metrics = geranos_metrics_open(j->options->metrics);
        if (j->metrics == NULL)
            return 1;
    }
    int code = !plan && j->options->every > 0
                   ? serve(j, &options)
                   : geranos_job_code(run(j, plan ? "geranos plan" : "geranos sync", &options));
    geranos_metrics_close(j->metrics);
    return code;
}

static int open_and_run(const struct geranos_options *o, bool plan)
{
    struct geranos_job job;
    int code = geranos_job_open(&job, o) ? run_job(&job, plan) : 1;
    geranos_job_close(&job);
    return code;
}

int geranos_sync_main(const struct geranos_options *o)
{
    return open_and_run(o, false);
}

int geranos_sync_plan_main(const struct geranos_options *o)
{
    return open_and_run(o, true);
}
