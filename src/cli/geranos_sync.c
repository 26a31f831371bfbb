#include "cli/geranos.h"

#include "mirror/sync.h"
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

/* The first asks for an end in order, the second gets one at once. */
static void interrupted(int number)
{
    if (atomic_exchange(&stop, true))
        signal(number, SIG_DFL);
}

/* ── References ── */

struct references {
    char *text; /* of the file: its lines, each terminated */
    const char **reference;
    size_t n;
};

/* A reference may begin with the registry's name, as other tools print it. */
static const char *without_registry(const char *line, const char *registry)
{
    size_t n = strlen(registry);
    const char *scheme = strstr(line, "://");
    const char *rest = scheme != NULL ? scheme + 3 : line;
    return strncmp(rest, registry, n) == 0 && rest[n] == '/' ? rest + n + 1 : line;
}

static void add_reference(struct references *r, const char *text, const char *registry)
{
    r->reference = xalloc_grow(r->reference, r->n, sizeof(*r->reference));
    r->reference[r->n++] = without_registry(text, registry);
}

/* Blank lines and those that begin with # say nothing. */
static void add_lines(struct references *r, const char *registry)
{
    for (char *next = r->text, *line; (line = strsep(&next, "\n")) != NULL;) {
        line += strspn(line, " \t");
        line[strcspn(line, " \t\r")] = '\0';
        if (line[0] != '\0' && line[0] != '#')
            add_reference(r, line, registry);
    }
}

/* False: it has been said why. */
static bool read_references(struct references *r, const struct geranos_options *o,
                            const char *registry)
{
    size_t len;
    for (size_t i = 0; i < o->reference.n; i++)
        add_reference(r, o->reference.text[i], registry);
    if (o->references == NULL)
        return true;
    bool standard = strcmp(o->references, "-") == 0;
    const char *name = standard ? "standard input" : o->references;
    int error =
        file_read(standard ? "/dev/stdin" : o->references, REFERENCES_MAX, &r->text, &len, NULL);
    if (error == 0)
        add_lines(r, registry);
    if (error != 0)
        log_error("%s cannot be read: %s", name, strerror(error));
    else if (r->n == 0)
        log_error("%s names no image: expected REPOSITORY:TAG or REPOSITORY@DIGEST, one a line",
                  name);
    return error == 0 && r->n > 0;
}

static void release_references(struct references *r)
{
    free(r->text);
    free(r->reference);
}

/* ── The end ── */

static void print_bytes(uint64_t bytes, char out[32])
{
    static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    double n = (double)bytes;
    size_t i = 0;
    for (; n >= 1024 && i < 5; i++)
        n /= 1024;
    snprintf(out, 32, i == 0 ? "%.0f %s" : "%.1f %s", n, unit[i]);
}

static void summarise(struct sync *s, const struct sync_options *o)
{
    struct sync_status status;
    struct catalog_sums sums;
    char bytes[32];
    sync_status(s, &status);
    catalog_sum(sync_catalog(s), (unsigned)o->n_stores, &sums);
    print_bytes(sums.bytes, bytes);
    printf("%s: %llu images, %llu blobs, %s\n", registry_name(o->source),
           (unsigned long long)sums.images, (unsigned long long)sums.blobs, bytes);
    for (size_t i = 0; i < o->n_stores; i++) {
        print_bytes(sums.missing_bytes[i], bytes);
        printf("%s: lacks %llu blobs, %s", store_name(o->store[i]),
               (unsigned long long)sums.missing[i], bytes);
        if (sums.wrong_size[i] > 0)
            printf("; holds %llu with a wrong size", (unsigned long long)sums.wrong_size[i]);
        putchar('\n');
    }
    print_bytes(status.bytes_copied, bytes);
    if (!o->plan)
        printf("copied %llu blobs, %s; retries: %llu; failures: %llu\n",
               (unsigned long long)status.blobs_copied, bytes, (unsigned long long)status.retries,
               (unsigned long long)report_failures(sync_report(s)));
}

/* What failed, to a file or, the first of it, to standard error. */
static bool write_failures(struct sync *s, const char *path)
{
    uint64_t n = report_failures(sync_report(s));
    if (path == NULL) {
        report_write(sync_report(s), SHOWN, stderr);
        if (n > SHOWN)
            fprintf(stderr, "and %llu more: --failures FILE has them all\n",
                    (unsigned long long)(n - SHOWN));
        return true;
    }
    FILE *f = fopen(path, "we");
    if (f != NULL)
        report_write(sync_report(s), SIZE_MAX, f);
    int error = f == NULL ? errno : 0;
    if (f != NULL && fclose(f) != 0)
        error = errno;
    if (error != 0)
        log_error("%s cannot be written: %s", path, strerror(error));
    return error == 0;
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

static int run(const struct sync_options *o, const char *failures)
{
    const char *why;
    struct sync *s = sync_new(o);
    if (s == NULL || !sync_run(s, &why)) {
        log_error("%s", s != NULL ? why : "out of memory");
        sync_free(s);
        return 1;
    }
    summarise(s, o);
    bool fine = write_failures(s, failures);
    if (atomic_load(&stop)) {
        log_warning("interrupted: run it again, and it goes on where it was");
        fine = false;
    }
    fine = is_complete(s, o) && fine;
    sync_free(s);
    return fine ? 0 : 1;
}

/* ── The commands ── */

static struct pattern_lists patterns(const struct geranos_options_texts *include,
                                     const struct geranos_options_texts *exclude)
{
    return (struct pattern_lists){include->text, include->n, exclude->text, exclude->n};
}

static int run_between(struct registry *source, struct store *const *store,
                       const struct geranos_options *o, bool plan)
{
    static const struct geranos_options_texts none;
    struct references references = {.n = 0};
    int code = 1;
    if (read_references(&references, o, registry_name(source))) {
        const struct sync_options options = {
            .source = source,
            .store = store,
            .n_stores = o->to.n,
            .repositories = patterns(&o->include, &o->exclude),
            .tags = patterns(&o->tag, &o->exclude_tag),
            .platforms = patterns(&o->platform, &none),
            .reference = references.reference,
            .n_references = references.n,
            .blobs = o->blobs,
            .records = o->records,
            .jobs = (unsigned)o->jobs,
            .shard = o->shard,
            .shards = o->shards,
            .plan = plan,
            .stop = &stop,
        };
        code = run(&options, o->failures);
    }
    release_references(&references);
    return code;
}

static int open_and_run(const struct geranos_options *o, bool plan)
{
    char error[256];
    int code = 1;
    size_t n = 0;
    struct store *store[CATALOG_STORES_MAX] = {NULL};
    struct registry *source = registry_open(o->from, error);
    while (source != NULL && n < o->to.n && (store[n] = store_open(o->to.text[n], error)) != NULL)
        n++;
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    if (source == NULL || n < o->to.n) {
        log_error("%s", error);
    } else {
        registry_limit(source, o->requests, o->bandwidth);
        code = run_between(source, store, o, plan);
    }
    for (size_t i = 0; i < n; i++)
        store_close(store[i]);
    registry_close(source);
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
