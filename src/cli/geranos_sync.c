#include "cli/geranos.h"

#include "base/num.h"
#include "cli/cli.h"
#include "mirror/sync.h"
#include "sys/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>

#define PATTERNS_MAX 64
#define JOBS 16

static const char usage[] =
    "usage: geranos sync|plan --from REGISTRY --to STORE [--to STORE ...] [OPTIONS]\n"
    "\n"
    "Copies every blob that a store lacks; plan only says what that would be.\n"
    "\n"
    "  -f, --from REGISTRY      HOST[:PORT][/PREFIX], with http:// or https:// before it or not\n"
    "  -t, --to STORE           s3://BUCKET[/PREFIX]?region=R&endpoint=URL&path-style=true, or\n"
    "                           file:///DIRECTORY; may be given several times\n"
    "  -i, --include PATTERN    repositories: * is anything but /, ** anything\n"
    "  -x, --exclude PATTERN    the same, to be left out\n"
    "      --tag PATTERN        tags\n"
    "      --exclude-tag PATTERN\n"
    "      --platform PATTERN   of indexes: linux/*\n"
    "  -r, --reference REF      REPOSITORY:TAG or REPOSITORY@DIGEST, in the place of everything\n"
    "  -j, --jobs N             copies at once, at most (16)\n"
    "      --shard I/N          only the I-th of N parts of all blobs, from 0\n"
    "      --failures FILE      where to write what failed, a line each\n"
    "  -h, --help               this text\n";

struct texts {
    const char *text[PATTERNS_MAX];
    size_t n;
};

struct request {
    const char *from;
    const char *failures;
    struct texts to, include, exclude, tag, exclude_tag, platform, reference;
    uint64_t jobs, shard, shards;
};

static atomic_bool stop;

/* The first asks for an end in order, the second gets one at once. */
static void interrupted(int number)
{
    if (atomic_exchange(&stop, true))
        signal(number, SIG_DFL);
}

/* ── Arguments ── */

static bool add(struct texts *list, const char *text)
{
    if (list->n < PATTERNS_MAX)
        list->text[list->n++] = text;
    return list->n < PATTERNS_MAX;
}

static bool read_shard(struct request *r, const char *text)
{
    struct str s = str_from(text);
    size_t slash = str_find(s, '/');
    return slash < s.len && num_parse(str_make(text, slash), UINT32_MAX, &r->shard) &&
           num_parse(str_skip(s, slash + 1), UINT32_MAX, &r->shards) && r->shard < r->shards;
}

static const struct option options[] = {
    {"from", required_argument, NULL, 'f'},
    {"to", required_argument, NULL, 't'},
    {"include", required_argument, NULL, 'i'},
    {"exclude", required_argument, NULL, 'x'},
    {"tag", required_argument, NULL, 'T'},
    {"exclude-tag", required_argument, NULL, 'X'},
    {"platform", required_argument, NULL, 'P'},
    {"reference", required_argument, NULL, 'r'},
    {"jobs", required_argument, NULL, 'j'},
    {"shard", required_argument, NULL, 'S'},
    {"failures", required_argument, NULL, 'F'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* False: it was not understood. */
static bool take(struct request *r, int option)
{
    switch (option) {
    case 'f':
        r->from = optarg;
        return true;
    case 'F':
        r->failures = optarg;
        return true;
    case 't':
        return add(&r->to, optarg);
    case 'i':
        return add(&r->include, optarg);
    case 'x':
        return add(&r->exclude, optarg);
    case 'T':
        return add(&r->tag, optarg);
    case 'X':
        return add(&r->exclude_tag, optarg);
    case 'P':
        return add(&r->platform, optarg);
    case 'r':
        return add(&r->reference, optarg);
    case 'j':
        return num_parse(str_from(optarg), 256, &r->jobs) && r->jobs > 0;
    case 'S':
        return read_shard(r, optarg);
    default:
        return false;
    }
}

/* -1: go on; else the exit code. */
static int read_arguments(struct request *r, int argc, char **argv)
{
    int option;
    *r = (struct request){.jobs = JOBS, .shards = 1};
    optind = 0;
    while ((option = getopt_long(argc, argv, "f:t:i:x:r:j:h", options, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        if (option == '?')
            return fputs(usage, stderr), 2;
        if (!take(r, option))
            return cli_misuse(argv[0], usage, "of no use here: \"%s\"", optarg);
    }
    if (optind < argc)
        return cli_misuse(argv[0], usage, "unexpected argument \"%s\"", argv[optind]);
    if (r->from == NULL || r->to.n == 0)
        return cli_misuse(argv[0], usage, "--from and --to are needed");
    if (r->to.n > CATALOG_STORES_MAX)
        return cli_misuse(argv[0], usage, "at most %d stores", CATALOG_STORES_MAX);
    return -1;
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

static void summarise(struct sync *s, const struct sync_options *o, const struct request *r)
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
        printf("copied %llu blobs, %s; %llu retries; %llu failures\n",
               (unsigned long long)status.blobs_copied, bytes, (unsigned long long)status.retries,
               (unsigned long long)report_failures(sync_report(s)));
    if (r->failures == NULL)
        report_write(sync_report(s), stderr);
}

static bool write_failures(struct sync *s, const char *path)
{
    FILE *f = fopen(path, "we");
    if (f == NULL) {
        log_error("cannot write \"%s\"", path);
        return false;
    }
    report_write(sync_report(s), f);
    return fclose(f) == 0;
}

/* Is everything there? */
static bool is_complete(struct sync *s, const struct sync_options *o)
{
    struct catalog_sums sums;
    uint64_t missing = report_failures(sync_report(s));
    catalog_sum(sync_catalog(s), (unsigned)o->n_stores, &sums);
    for (size_t i = 0; i < o->n_stores && o->shards == 1; i++)
        missing += sums.missing[i];
    return missing == 0;
}

static int run(const struct sync_options *o, const struct request *r)
{
    const char *why;
    struct sync *s = sync_new(o);
    if (s == NULL || !sync_run(s, &why)) {
        log_error("%s", s != NULL ? why : "out of memory");
        sync_free(s);
        return 1;
    }
    summarise(s, o, r);
    bool fine = r->failures == NULL || write_failures(s, r->failures);
    if (atomic_load(&stop)) {
        log_warning("interrupted: run it again, and it goes on where it was");
        fine = false;
    }
    fine = fine && is_complete(s, o);
    sync_free(s);
    return fine ? 0 : 1;
}

/* ── The commands ── */

static int open_and_run(const struct request *r, bool plan)
{
    char error[256];
    int code = 1;
    struct store *store[CATALOG_STORES_MAX] = {NULL};
    size_t n = 0;
    struct registry *source = registry_open(r->from, error);
    while (source != NULL && n < r->to.n && (store[n] = store_open(r->to.text[n], error)) != NULL)
        n++;
    if (source == NULL || n < r->to.n) {
        log_error("%s", error);
    } else {
        const struct sync_options o = {
            .source = source,
            .store = store,
            .n_stores = n,
            .repositories = {r->include.text, r->include.n, r->exclude.text, r->exclude.n},
            .tags = {r->tag.text, r->tag.n, r->exclude_tag.text, r->exclude_tag.n},
            .platforms = {r->platform.text, r->platform.n, NULL, 0},
            .reference = r->reference.text,
            .n_references = r->reference.n,
            .blobs = SYNC_BLOBS,
            .records = SYNC_RECORDS,
            .jobs = (unsigned)r->jobs,
            .shard = (uint32_t)r->shard,
            .shards = (uint32_t)r->shards,
            .plan = plan,
            .stop = &stop,
        };
        code = run(&o, r);
    }
    for (size_t i = 0; i < n; i++)
        store_close(store[i]);
    registry_close(source);
    return code;
}

static int start(int argc, char **argv, bool plan)
{
    struct request r;
    int code = read_arguments(&r, argc, argv);
    if (code >= 0)
        return code;
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    return open_and_run(&r, plan);
}

int geranos_sync_main(int argc, char **argv)
{
    return start(argc, argv, false);
}

int geranos_sync_plan_main(int argc, char **argv)
{
    return start(argc, argv, true);
}
