#include "cli/geranos.h"

#include "cli/geranos_job.h"

#include <inttypes.h>

struct verifying {
    const struct geranos_job *job;
    unsigned store;
};

/* A line that other programs can read: what, digest, repository, size wanted, size found, store. */
static void print_missing(void *owner, const struct catalog_blob *b)
{
    const struct verifying *v = owner;
    char digest[DIGEST_TEXT_MAX], wanted[24] = "-", found[24] = "-";
    int len = (int)digest_format(&b->digest, digest);
    bool wrong = (b->wrong >> v->store & 1) != 0;
    struct str repository = catalog_repository_name(sync_catalog(v->job->sync), b->repository);
    if (b->size >= 0)
        snprintf(wanted, sizeof(wanted), "%" PRId64, b->size);
    if (wrong)
        snprintf(found, sizeof(found), "%" PRId64,
                 catalog_wrong_size(sync_catalog(v->job->sync), &b->digest, v->store));
    printf("%s\t%.*s\t%s/%.*s\t%s\t%s\t%s\n", wrong ? "wrong-size" : "missing", len, digest,
           registry_name(v->job->source), (int)repository.len, repository.data, wanted, found,
           store_name(v->job->store[v->store]));
}

/* What was not listed to its end says nothing of what is missing. */
static bool report(struct geranos_job *j)
{
    struct catalog_sums sums;
    struct verifying v = {.job = j};
    bool stopped = atomic_load(geranos_job_stop);
    bool fine = !stopped && report_failures(sync_report(j->sync)) == 0;
    catalog_sum(sync_catalog(j->sync), (unsigned)j->n_stores, &sums);
    for (unsigned i = 0; i < j->n_stores; i++)
        fine = fine && sums.missing[i] == 0;
    geranos_job_finish(j, fine, geranos_job_sums(j, &sums));
    for (; v.store < j->n_stores && !stopped; v.store++)
        if (sync_has_listed(j->sync, v.store))
            catalog_each_missing(sync_catalog(j->sync), v.store, print_missing, &v);
    fflush(stdout);
    if (!stopped && progress_is_terminal()) /* a log has it as JSON */
        geranos_job_summarise(j, &sums, stderr);
    return geranos_job_failures(j, sync_report(j->sync)) && fine;
}

int geranos_verify_main(const struct geranos_options *o)
{
    struct geranos_job job;
    bool fine = geranos_job_open(&job, o);
    if (fine) {
        struct sync_options options = geranos_job_sync(&job);
        options.plan = true;
        fine = geranos_job_run(&job, "geranos verify", &options) && report(&job);
        geranos_job_end(&job);
    }
    geranos_job_close(&job);
    return geranos_job_code(fine);
}
