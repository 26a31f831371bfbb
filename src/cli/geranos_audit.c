#include "cli/geranos.h"

#include "cli/geranos_job.h"
#include "mirror/audit.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>

#define DAY_S 86400

/* A line that other programs can read: what, key, size, what its bytes are, store. */
static void print_finding(void *owner, const struct audit_finding *f)
{
    static const char *const what[] = {
        [AUDIT_DAMAGED] = "damaged", [AUDIT_FOREIGN] = "foreign", [AUDIT_REPAIRED] = "repaired"};
    char is[DIGEST_TEXT_MAX] = "-";
    int len = 1;
    (void)owner;
    if (f->is != NULL)
        len = (int)digest_format(f->is, is);
    printf("%s\t%.*s\t%" PRId64 "\t%.*s\t%s\n", what[f->kind], (int)f->key.len, f->key.data,
           f->size, len, is, store_name(f->store));
    fflush(stdout);
}

static void summarise(const struct audit_status *s, uint64_t failures)
{
    char bytes[GERANOS_JOB_BYTES_MAX];
    geranos_job_bytes(s->bytes, bytes);
    fprintf(stderr,
            "read %" PRIu64 " of %" PRIu64 " objects, %s; %" PRIu64 " damaged, %" PRIu64
            " of them repaired; %" PRIu64 " with a name that is no digest; %" PRIu64
            " retries; %" PRIu64 " failures\n",
            s->read, s->listed, bytes, s->damaged, s->repaired, s->foreign, s->retries, failures);
    if (s->unknown > 0)
        fprintf(stderr, "%" PRIu64 " objects are named by a digest that cannot be computed here\n",
                s->unknown);
}

static bool run(const struct geranos_job *job, const struct audit_options *o)
{
    const char *why = "out of memory";
    struct audit_status status;
    struct audit *a = audit_new(o);
    bool fine = a != NULL && audit_run(a, &why);
    if (fine) {
        audit_status(a, &status);
        uint64_t failures = report_failures(audit_report(a));
        summarise(&status, failures);
        fine = geranos_job_failures(job, audit_report(a)) && failures == 0 &&
               status.damaged == status.repaired && status.foreign == 0;
    } else {
        log_error("%s", why);
    }
    audit_free(a);
    return fine;
}

int geranos_audit_main(const struct geranos_options *o)
{
    struct geranos_job job;
    bool fine = geranos_job_open(&job, o);
    if (fine) {
        const struct audit_options options = {
            .store = job.store,
            .n_stores = job.n_stores,
            .blobs = o->blobs,
            .sample = o->all ? AUDIT_ALL : o->sample,
            .day = clock_wall() / DAY_S,
            .jobs = (unsigned)o->jobs,
            .source = o->repair ? job.source : NULL,
            .stop = geranos_job_stop,
            .found = print_finding,
        };
        fine = run(&job, &options);
    }
    geranos_job_close(&job);
    return geranos_job_code(fine);
}
