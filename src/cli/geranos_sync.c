#include "cli/geranos.h"

#include "cli/geranos_job.h"

#include <inttypes.h>

static void summarise(struct sync *s, const struct sync_options *o, const struct catalog_sums *sums)
{
    struct sync_status status;
    char bytes[PROGRESS_TEXT_BYTES_MAX];
    sync_status(s, &status);
    progress_text_bytes(sums->bytes, bytes);
    printf("%s: %" PRIu64 " images, %" PRIu64 " blobs, %s\n", registry_name(o->source),
           sums->images, sums->blobs, bytes);
    for (size_t i = 0; i < o->n_stores; i++) {
        progress_text_bytes(sums->missing_bytes[i], bytes);
        printf("%s: lacks %" PRIu64 " blobs, %s", store_name(o->store[i]), sums->missing[i], bytes);
        if (sums->wrong_size[i] > 0)
            printf("; holds %" PRIu64 " with a wrong size", sums->wrong_size[i]);
        putchar('\n');
    }
    progress_text_bytes(status.bytes_copied, bytes);
    if (!o->plan)
        printf("copied %" PRIu64 " blobs, %s; retries: %" PRIu64 "; failures: %" PRIu64 "\n",
               status.blobs_copied, bytes, status.retries, report_failures(sync_report(s)));
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

static bool run(struct geranos_job *j, const char *command, const struct sync_options *o)
{
    struct catalog_sums sums;
    bool fine = geranos_job_run(j, command, o);
    if (fine) {
        catalog_sum(sync_catalog(j->sync), (unsigned)o->n_stores, &sums);
        fine = is_complete(j->sync, o, &sums);
        geranos_job_finish(j, fine, geranos_job_sums(j, &sums));
        summarise(j->sync, o, &sums);
        fine = geranos_job_failures(j, sync_report(j->sync)) && fine;
    }
    geranos_job_end(j);
    return fine;
}

static int open_and_run(const struct geranos_options *o, const char *command, bool plan)
{
    struct geranos_job job;
    bool fine = geranos_job_open(&job, o);
    if (fine) {
        struct sync_options options = geranos_job_sync(&job);
        options.plan = plan;
        fine = run(&job, command, &options);
    }
    geranos_job_close(&job);
    return geranos_job_code(fine);
}

int geranos_sync_main(const struct geranos_options *o)
{
    return open_and_run(o, "geranos sync", false);
}

int geranos_sync_plan_main(const struct geranos_options *o)
{
    return open_and_run(o, "geranos plan", true);
}
