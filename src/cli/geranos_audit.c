#include "cli/geranos.h"

#include "cli/geranos_job.h"
#include "mirror/audit.h"
#include "sys/clock.h"
#include "sys/log.h"

#include <inttypes.h>

#define DAY_S 86400

struct auditing {
    struct geranos_job job;
    struct audit *audit;
};

/* Whoever writes to the store has chosen it: no line of theirs is forged with it, and no terminal
 * spoken to. */
static void print_key(struct str key)
{
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.data[i];
        if (c >= 0x20 && c < 0x7f)
            putchar(c);
        else
            printf("\\x%02x", c);
    }
}

/* A line that other programs can read: what, key, size, what its bytes are, store. */
static void print_finding(void *owner, const struct audit_finding *f)
{
    static const char *const what[] = {
        [AUDIT_DAMAGED] = "damaged", [AUDIT_FOREIGN] = "foreign", [AUDIT_REPAIRED] = "repaired"};
    struct auditing *a = owner;
    char is[DIGEST_TEXT_MAX] = "-";
    int len = 1;
    if (f->is != NULL)
        len = (int)digest_format(f->is, is);
    progress_hide(a->job.progress);
    printf("%s\t", what[f->kind]);
    print_key(f->key);
    printf("\t%" PRId64 "\t%.*s\t%s\n", f->size, len, is, store_name(f->store));
    fflush(stdout);
    progress_show(a->job.progress);
}

static void read_state(void *owner, struct progress_text_state *out)
{
    struct auditing *a = owner;
    struct audit_status s;
    audit_status(a->audit, &s);
    *out = (struct progress_text_state){
        .blobs = s.read,
        .blobs_known = s.due,
        .bytes = s.bytes,
        .retries = s.retries,
        .failed = s.damaged - s.repaired + s.foreign + report_failures(audit_report(a->audit)),
        .running = s.running,
        .searching = s.listing || s.listed == 0,
    };
}

/* For people; a log has it as JSON. */
static void summarise(const struct audit_status *s, uint64_t failures)
{
    char bytes[PROGRESS_TEXT_BYTES_MAX];
    if (!progress_is_terminal())
        return;
    progress_text_bytes(s->bytes, bytes);
    fprintf(stderr,
            "read %" PRIu64 " of %" PRIu64 " objects, %s; %" PRIu64 " damaged, %" PRIu64
            " of them repaired; %" PRIu64 " with a name that is no digest; retries: %" PRIu64
            "; failures: %" PRIu64 "\n",
            s->read, s->listed, bytes, s->damaged, s->repaired, s->foreign, s->retries, failures);
    if (s->unknown > 0)
        fprintf(stderr, "%" PRIu64 " objects are named by a digest that cannot be computed here\n",
                s->unknown);
}

static bool report(struct auditing *a)
{
    struct audit_status s;
    audit_status(a->audit, &s);
    uint64_t failures = report_failures(audit_report(a->audit));
    bool fine = failures == 0 && s.damaged == s.repaired && s.foreign == 0 &&
                !atomic_load(geranos_job_stop);
    geranos_job_finish(&a->job, fine,
                       json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "listed", (json_int_t)s.listed,
                                 "read", (json_int_t)s.read, "damaged", (json_int_t)s.damaged,
                                 "repaired", (json_int_t)s.repaired, "foreign",
                                 (json_int_t)s.foreign, "unknown", (json_int_t)s.unknown));
    summarise(&s, failures);
    return geranos_job_failures(&a->job, audit_report(a->audit)) && fine;
}

static bool run(struct auditing *a, const struct audit_options *o)
{
    const char *why = "out of memory";
    const struct progress_options progress = {"geranos audit", read_state, a,
                                              a->job.options->log_level};
    a->audit = audit_new(o);
    bool fine = a->audit != NULL;
    if (fine) {
        geranos_job_watch(&a->job, audit_report(a->audit));
        a->job.progress = progress_begin(&progress);
        fine = audit_run(a->audit, &why);
    }
    if (fine) {
        fine = report(a);
    } else {
        geranos_job_finish(&a->job, false, NULL);
        log_error("%s", why);
    }
    audit_free(a->audit);
    return fine;
}

int geranos_audit_main(const struct geranos_options *o)
{
    struct auditing a = {.audit = NULL};
    bool fine = geranos_job_open(&a.job, o);
    if (fine) {
        const struct audit_options options = {
            .store = a.job.store,
            .n_stores = a.job.n_stores,
            .blobs = o->blobs,
            .sample = o->all ? AUDIT_ALL : o->sample,
            .day = clock_wall() / DAY_S,
            .jobs = (unsigned)o->jobs,
            .source = o->repair ? a.job.source : NULL,
            .stop = geranos_job_stop,
            .found = print_finding,
            .owner = &a,
        };
        fine = run(&a, &options);
    }
    geranos_job_close(&a.job);
    return geranos_job_code(fine);
}
