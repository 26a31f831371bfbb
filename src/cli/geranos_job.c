#include "cli/geranos_job.h"

#include "sys/file.h"
#include "sys/log.h"
#include "sys/xalloc.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define REFERENCES_MAX (256 << 20) /* bytes of a list of them */
#define SHOWN 20                   /* failures on standard error */

static atomic_bool stop;
static volatile sig_atomic_t stopped_by;

const atomic_bool *const geranos_job_stop = &stop;

/* The first asks for an end in order, the second gets one at once. */
static void interrupted(int number)
{
    if (atomic_exchange(&stop, true)) {
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

bool geranos_job_open(struct geranos_job *j, const struct geranos_options *o)
{
    *j = (struct geranos_job){.options = o};
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    return open_source(j) && open_stores(j);
}

void geranos_job_close(struct geranos_job *j)
{
    for (size_t i = 0; i < j->n_stores; i++)
        store_close(j->store[i]);
    registry_close(j->source);
    free(j->lines);
    free(j->reference);
}

static struct pattern_lists patterns(const struct geranos_options_texts *include,
                                     const struct geranos_options_texts *exclude)
{
    return (struct pattern_lists){include->text, include->n, exclude->text, exclude->n};
}

struct sync_options geranos_job_sync(const struct geranos_job *j)
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
    };
}

/* ── The end ── */

int geranos_job_code(bool fine)
{
    if (!atomic_load(&stop))
        return fine ? 0 : 1;
    log_warning("interrupted: run it again, and it goes on where it was");
    return 128 + stopped_by;
}

void geranos_job_bytes(uint64_t bytes, char out[GERANOS_JOB_BYTES_MAX])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double n = (double)bytes;
    size_t i = 0;
    for (; n >= 1024 && i < 5; i++)
        n /= 1024;
    snprintf(out, GERANOS_JOB_BYTES_MAX, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
}

bool geranos_job_failures(const struct geranos_job *j, struct report *report)
{
    const char *path = j->options->failures;
    uint64_t n = report_failures(report);
    if (path == NULL) {
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
