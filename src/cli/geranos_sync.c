#include "cli/geranos.h"

#include "cli/geranos_job.h"
#include "sys/log.h"

static void summarise(struct sync *s, const struct sync_options *o)
{
    struct sync_status status;
    struct catalog_sums sums;
    char bytes[GERANOS_JOB_BYTES_MAX];
    sync_status(s, &status);
    catalog_sum(sync_catalog(s), (unsigned)o->n_stores, &sums);
    geranos_job_bytes(sums.bytes, bytes);
    printf("%s: %llu images, %llu blobs, %s\n", registry_name(o->source),
           (unsigned long long)sums.images, (unsigned long long)sums.blobs, bytes);
    for (size_t i = 0; i < o->n_stores; i++) {
        geranos_job_bytes(sums.missing_bytes[i], bytes);
        printf("%s: lacks %llu blobs, %s", store_name(o->store[i]),
               (unsigned long long)sums.missing[i], bytes);
        if (sums.wrong_size[i] > 0)
            printf("; holds %llu with a wrong size", (unsigned long long)sums.wrong_size[i]);
        putchar('\n');
    }
    geranos_job_bytes(status.bytes_copied, bytes);
    if (!o->plan)
        printf("copied %llu blobs, %s; retries: %llu; failures: %llu\n",
               (unsigned long long)status.blobs_copied, bytes, (unsigned long long)status.retries,
               (unsigned long long)report_failures(sync_report(s)));
}

/* Is everything there, as far as this run is to see to it? */
static bool is_complete(struct sync *s, const struct sync_options *o)
{
    struct catalog_sums sums;
    uint64_t missing = report_failures(sync_report(s));
    catalog_sum(sync_catalog(s), (unsigned)o->n_stores, &sums);
    for (size_t i = 0; i < o->n_stores && o->shards == 1 && !o->plan; i++)
        missing += sums.missing[i];
    return missing == 0;
}

static bool run(const struct geranos_job *j, const struct sync_options *o)
{
    const char *why;
    struct sync *s = sync_new(o);
    if (s == NULL || !sync_run(s, &why)) {
        log_error("%s", s != NULL ? why : "out of memory");
        sync_free(s);
        return false;
    }
    summarise(s, o);
    bool fine = geranos_job_failures(j, sync_report(s));
    fine = is_complete(s, o) && fine;
    sync_free(s);
    return fine;
}

static int open_and_run(const struct geranos_options *o, bool plan)
{
    struct geranos_job job;
    bool fine = geranos_job_open(&job, o);
    if (fine) {
        struct sync_options options = geranos_job_sync(&job);
        options.plan = plan;
        fine = run(&job, &options);
    }
    geranos_job_close(&job);
    return geranos_job_code(fine);
}

int geranos_sync_main(const struct geranos_options *o)
{
    return open_and_run(o, false);
}

int geranos_sync_plan_main(const struct geranos_options *o)
{
    return open_and_run(o, true);
}
