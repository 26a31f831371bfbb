#include "cli/geranos.h"

#include "cli/geranos_job.h"
#include "sys/log.h"

#include <inttypes.h>

struct verifying {
    const struct geranos_job *job;
    struct sync *sync;
    unsigned store;
};

/* A line that other programs can read: what, digest, repository, size wanted, size found, store. */
static void print_missing(void *owner, const struct catalog_blob *b)
{
    const struct verifying *v = owner;
    char digest[DIGEST_TEXT_MAX], wanted[24] = "-", found[24] = "-";
    int len = (int)digest_format(&b->digest, digest);
    bool wrong = (b->wrong >> v->store & 1) != 0;
    struct str repository = catalog_repository_name(sync_catalog(v->sync), b->repository);
    if (b->size >= 0)
        snprintf(wanted, sizeof(wanted), "%" PRId64, b->size);
    if (wrong)
        snprintf(found, sizeof(found), "%" PRId64,
                 catalog_wrong_size(sync_catalog(v->sync), &b->digest, v->store));
    printf("%s\t%.*s\t%s/%.*s\t%s\t%s\t%s\n", wrong ? "wrong-size" : "missing", len, digest,
           registry_name(v->job->source), (int)repository.len, repository.data, wanted, found,
           store_name(v->job->store[v->store]));
}

static void summarise(const struct verifying *v, const struct catalog_sums *sums)
{
    char bytes[GERANOS_JOB_BYTES_MAX];
    geranos_job_bytes(sums->bytes, bytes);
    fprintf(stderr, "%s: %" PRIu64 " images, %" PRIu64 " blobs, %s\n",
            registry_name(v->job->source), sums->images, sums->blobs, bytes);
    for (unsigned i = 0; i < v->job->n_stores; i++) {
        const char *name = store_name(v->job->store[i]);
        geranos_job_bytes(sums->missing_bytes[i], bytes);
        if (!sync_has_listed(v->sync, i))
            fprintf(stderr, "%s: could not be listed\n", name);
        else if (sums->missing[i] == 0)
            fprintf(stderr, "%s: everything is there\n", name);
        else
            fprintf(stderr,
                    "%s: lacks %" PRIu64 " blobs and holds %" PRIu64
                    " with a wrong size, %s in all\n",
                    name, sums->missing[i] - sums->wrong_size[i], sums->wrong_size[i], bytes);
    }
}

/* What was not listed to its end says nothing of what is missing. */
static bool report(struct verifying *v)
{
    struct catalog_sums sums;
    uint64_t missing = 0;
    if (atomic_load(geranos_job_stop))
        return false;
    catalog_sum(sync_catalog(v->sync), (unsigned)v->job->n_stores, &sums);
    for (v->store = 0; v->store < v->job->n_stores; v->store++) {
        if (!sync_has_listed(v->sync, v->store))
            continue;
        catalog_each_missing(sync_catalog(v->sync), v->store, print_missing, v);
        missing += sums.missing[v->store];
    }
    summarise(v, &sums);
    bool written = geranos_job_failures(v->job, sync_report(v->sync));
    return written && missing == 0 && report_failures(sync_report(v->sync)) == 0;
}

static bool run(const struct geranos_job *job, const struct sync_options *o)
{
    const char *why = "out of memory";
    struct verifying v = {.job = job, .sync = sync_new(o)};
    bool fine = v.sync != NULL && sync_run(v.sync, &why);
    if (fine)
        fine = report(&v);
    else
        log_error("%s", why);
    sync_free(v.sync);
    return fine;
}

int geranos_verify_main(const struct geranos_options *o)
{
    struct geranos_job job;
    bool fine = geranos_job_open(&job, o);
    if (fine) {
        struct sync_options options = geranos_job_sync(&job);
        options.plan = true;
        fine = run(&job, &options);
    }
    geranos_job_close(&job);
    return geranos_job_code(fine);
}
