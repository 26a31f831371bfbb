#include "cli/geranos_options.h"

#include "base/num.h"
#include "config/document.h"
#include "config/value.h"
#include "mirror/audit.h"
#include "mirror/sync.h"
#include "sys/file.h"
#include "sys/xalloc.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define JOBS 16
#define JOBS_MAX 256
#define SAMPLE 10000 /* millionths */
#define WIDTH 79
#define LONG_ONLY 256 /* getopt's value of the first row; others follow */

enum kind {
    TEXT,
    TEXTS,
    PREFIX,
    COUNT,
    RATE,
    SIZE,
    SHARD,
    PERCENT,
    LEVEL,
    DURATION,
    ADDRESS,
    FLAG
};

#define COPYING (GERANOS_OPTIONS_SYNC | GERANOS_OPTIONS_PLAN)
#define WALKING (COPYING | GERANOS_OPTIONS_VERIFY)
#define AUDIT GERANOS_OPTIONS_AUDIT
#define READING (WALKING | AUDIT)
#define EVERY (READING | GERANOS_OPTIONS_INDEX)

/* The order is that of --help. */
static const struct row {
    const char *name;
    char letter; /* '\0': none */
    enum kind kind;
    unsigned commands;
    size_t offset;
    const char *argument;
    const char *help;
} rows[] = {
#define AT(member) offsetof(struct geranos_options, member)
    {"config", 'c', TEXT, EVERY, AT(config), "FILE",
     "a YAML file with these settings; what the command line says comes before it"},
    {"from", 'f', TEXT, READING, AT(from), "REGISTRY",
     "HOST[:PORT][/PREFIX], with http:// or https:// before it or not: everything below the "
     "prefix"},
    {"to", 't', TEXTS, EVERY, AT(to), "STORE",
     "s3://BUCKET[/PREFIX]?region=R, with endpoint=URL where it is not AWS's, or "
     "file:///DIRECTORY; "
     "may be given several times, and the source is read once"},
    {"include", 'i', TEXTS, WALKING, AT(include), "PATTERN",
     "only these repositories, below the prefix: * is anything but /, ** anything, ? one "
     "byte but /; "
     "may be given several times, as all patterns"},
    {"exclude", 'x', TEXTS, WALKING, AT(exclude), "PATTERN", "not these repositories"},
    {"tag", '\0', TEXTS, WALKING, AT(tag), "PATTERN", "only these tags"},
    {"exclude-tag", '\0', TEXTS, WALKING, AT(exclude_tag), "PATTERN", "not these tags"},
    {"platform", '\0', TEXTS, WALKING, AT(platform), "PATTERN",
     "of an index only these platforms, such as linux/amd64 or linux/arm64 (of all its variants)"},
    {"reference", 'r', TEXTS, WALKING, AT(reference), "REFERENCE",
     "only this image, REPOSITORY:TAG or REPOSITORY@DIGEST; may be given several times"},
    {"references", '\0', TEXT, WALKING, AT(references), "FILE",
     "only the images that this file names, one a line; - is standard input"},
    {"jobs", 'j', COUNT, EVERY, AT(jobs), "N", "blobs, or listings, at once, at most (16)"},
    {"max-requests", '\0', RATE, READING, AT(requests), "RATE",
     "ask the source no more often, such as 50/s"},
    {"max-bandwidth", '\0', SIZE, READING, AT(bandwidth), "SIZE",
     "read no more from the source in a second, such as 64MiB"},
    {"shard", '\0', SHARD, COPYING, AT(shard), "I/N",
     "only the I-th of N parts of all blobs, from 0; auto/N takes I from JOB_COMPLETION_INDEX"},
    {"blobs", '\0', PREFIX, EVERY, AT(blobs), "PREFIX",
     "what stands before a blob's digest in its key (containers/images/)"},
    {"records", '\0', PREFIX, COPYING, AT(records), "PREFIX",
     "the same for the record of an image, written once a store has all of its blobs "
     "(geranos/uploaded-images/); \"\": none are written"},
    {"index", '\0', FLAG, GERANOS_OPTIONS_SYNC, AT(index), NULL,
     "at the end of a run publish what each store holds, as `geranos index` does; whoever deletes "
     "blobs from such a store must drop them from its index first (--without)"},
    {"without", '\0', TEXT, GERANOS_OPTIONS_SYNC | GERANOS_OPTIONS_INDEX, AT(without), "FILE",
     "leave out of the index the digests that this file names, one a line, because they are to be "
     "deleted"},
    {"sample", '\0', PERCENT, AUDIT, AT(sample), "PERCENT",
     "read so much of what is there (1%); at most four digits after the point, such as 0.05%"},
    {"all", '\0', FLAG, AUDIT, AT(all), NULL, "read everything"},
    {"repair", '\0', FLAG, AUDIT, AT(repair), NULL,
     "put what --from has in the place of what is damaged"},
    {"failures", '\0', TEXT, EVERY, AT(failures), "FILE",
     "write what failed there, a line each, instead of to standard error"},
    {"every", '\0', DURATION, GERANOS_OPTIONS_SYNC, AT(every), "DURATION",
     "stay, and begin again after so long, such as 10m, a little later at random; a run that fails "
     "does not end it, SIGTERM does"},
    {"metrics", '\0', ADDRESS, GERANOS_OPTIONS_SYNC, AT(metrics), "ADDRESS:PORT",
     "give out /metrics (Prometheus) and /healthz there"},
    {"log-level", '\0', LEVEL, EVERY, AT(log_level), "LEVEL",
     "error, warning, info or debug (info): of the JSON lines on standard error; on a terminal, "
     "warning and error show no progress"},
#undef AT
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

/* ── Values ── */

static const char *read_count(const char *text, uint64_t *out)
{
    uint64_t n;
    if (!num_parse(str_from(text), JOBS_MAX, &n) || n == 0)
        return "an integer from 1 to 256";
    *out = n;
    return NULL;
}

static const char *read_shard(const char *text, struct geranos_options *o)
{
    const char *expected = "I/N, I from 0 to N - 1";
    struct str s = str_from(text);
    size_t slash = str_find(s, '/');
    struct str part = str_make(text, slash);
    uint64_t i, n;
    if (str_eq(part, STR("auto"))) {
        const char *index = getenv("JOB_COMPLETION_INDEX");
        if (index == NULL)
            return "I/N, as JOB_COMPLETION_INDEX is not set";
        part = str_from(index);
        expected = "N above JOB_COMPLETION_INDEX, which counts from 0";
    }
    if (slash == s.len || !num_parse(part, UINT32_MAX, &i) ||
        !num_parse(str_skip(s, slash + 1), UINT32_MAX, &n) || i >= n)
        return expected;
    o->shard = (uint32_t)i;
    o->shards = (uint32_t)n;
    return NULL;
}

/* "1%", "0.05%": in millionths. */
static const char *read_sample(const char *text, uint32_t *out)
{
    static const char expected[] = "a percentage above 0%, such as 1% or 0.05%";
    struct str s = str_from(text);
    if (!str_ends(s, STR("%")))
        return expected;
    s.len--;
    size_t point = str_find(s, '.');
    struct str fraction = str_skip(s, point < s.len ? point + 1 : point);
    uint64_t n;
    if (!num_parse(str_make(s.data, point), 100, &n) || fraction.len > 4 ||
        (point < s.len && fraction.len == 0))
        return expected;
    for (size_t i = 0; i < 4; i++) {
        char digit = i < fraction.len ? fraction.data[i] : '0';
        if (digit < '0' || digit > '9')
            return expected;
        n = 10 * n + (uint64_t)(digit - '0');
    }
    if (n == 0 || n > AUDIT_ALL)
        return expected;
    *out = (uint32_t)n;
    return NULL;
}

static const char *read_duration(const char *text, int64_t *out)
{
    const char *expected = value_duration(str_from(text), out);
    return expected == NULL && *out == 0 ? "more than 0, such as 10m" : expected;
}

static const char *read_level(const char *text, enum log_level *out)
{
    for (enum log_level level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        if (strcmp(text, log_level_name(level)) != 0)
            continue;
        *out = level;
        return NULL;
    }
    return "error, warning, info or debug";
}

static const char *read_flag(const char *text, bool *out)
{
    *out = text == NULL || strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0 ? NULL : "true or false";
}

/* NULL, or what was expected. Texts are kept, not copied. */
static const char *take(struct geranos_options *o, const struct row *row, const char *text)
{
    void *at = (char *)o + row->offset;
    struct geranos_options_texts *list = at;
    switch (row->kind) {
    case TEXT:
        *(const char **)at = text;
        return NULL;
    case TEXTS:
        if (list->n == GERANOS_OPTIONS_TEXTS_MAX)
            return "at most 256 of them";
        list->text[list->n++] = text;
        return NULL;
    case PREFIX:
        if (text[0] == '/' || (text[0] != '\0' && text[strlen(text) - 1] != '/'))
            return "a prefix that ends with a slash and does not begin with one";
        *(const char **)at = text;
        return NULL;
    case COUNT:
        return read_count(text, at);
    case RATE:
        return value_rate(str_from(text), at);
    case SIZE:
        return value_size(str_from(text), at);
    case SHARD:
        return read_shard(text, o);
    case PERCENT:
        return read_sample(text, at);
    case LEVEL:
        return read_level(text, at);
    case DURATION:
        return read_duration(text, at);
    case ADDRESS:
        *(const char **)at = text;
        return value_listen(str_from(text));
    case FLAG:
        return read_flag(text, at);
    }
    return NULL;
}

/* ── The file ── */

struct file {
    struct geranos_options *o;
    const char *name;
    const bool *given; /* rows that the command line has said, which count */
    struct diag d;
};

static const struct row *find(const char *name)
{
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

static void take_scalar(struct file *f, const struct row *row, const struct document_node *node)
{
    char shown[DOCUMENT_SHOWN_MAX];
    const char *expected = "a text";
    if (node->kind == DOCUMENT_SCALAR && !document_is_null(node))
        expected = take(f->o, row, node->text);
    if (expected != NULL)
        diag_error(&f->d, (struct diag_at){f->name, node->line, node->column},
                   "%s: expected %s, got %s", row->name, expected, document_show(node, shown));
}

static void take_member(struct file *f, const struct document_node *node)
{
    const char *names[ROWS];
    const struct row *row = find(node->key);
    if (row != NULL && row->kind == TEXTS && node->kind == DOCUMENT_LIST) {
        for (const struct document_node *n = node->first; n != NULL; n = n->next)
            if (!f->given[row - rows])
                take_scalar(f, row, n);
        return;
    }
    if (row != NULL && strcmp(row->name, "config") != 0) {
        if (!f->given[row - rows])
            take_scalar(f, row, node);
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < ROWS; i++)
        if (strcmp(rows[i].name, "config") != 0)
            names[n++] = rows[i].name;
    const char *nearest = diag_nearest(node->key, names, n);
    diag_error(&f->d, (struct diag_at){f->name, node->key_line, node->key_column},
               "there is no setting \"%s\" here%s%s%s", node->key,
               nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
               nearest != NULL ? "\"?" : "");
}

static bool read_file(struct geranos_options *o, const bool *given)
{
    struct file f = {.o = o, .name = o->config, .given = given};
    char *text = NULL;
    size_t len = 0;
    int error = file_read(o->config, DOCUMENT_SIZE_MAX, &text, &len, NULL);
    if (error != 0)
        diag_error(&f.d, (struct diag_at){o->config, 0, 0}, "cannot be read: %s", strerror(error));
    else
        o->document = document_read(o->config, text, len, &f.d);
    free(text);
    for (const struct document_node *n = o->document != NULL ? o->document->first : NULL; n != NULL;
         n = n->next)
        take_member(&f, n);
    diag_sort(&f.d, 0);
    diag_print(&f.d, stderr);
    bool fine = f.d.n_errors == 0;
    diag_clear(&f.d);
    return fine;
}

/* ── The command line ── */

static int misuse(const struct geranos_options_usage *u, const char *what, const char *argument,
                  const char *more)
{
    fprintf(stderr, "%s: %s%s%s; `%s --help` says what there is\n", u->command, what, argument,
            more, u->command);
    return 2;
}

struct getopt_tables {
    struct option longs[ROWS + 2];
    char shorts[2 * ROWS + 3];
};

static bool is_of(const struct row *row, const struct geranos_options_usage *u)
{
    return (row->commands & (unsigned)u->bit) != 0;
}

static void describe(const struct geranos_options_usage *u, struct getopt_tables *g)
{
    size_t n = 0, s = 0;
    g->shorts[s++] = ':'; /* what is missing is told apart from what is unknown */
    for (size_t i = 0; i < ROWS; i++) {
        if (!is_of(&rows[i], u))
            continue;
        int argument = rows[i].kind == FLAG ? no_argument : required_argument;
        g->longs[n++] = (struct option){rows[i].name, argument, NULL, LONG_ONLY + (int)i};
        if (rows[i].letter == '\0')
            continue;
        g->shorts[s++] = rows[i].letter;
        g->shorts[s++] = ':';
    }
    g->longs[n++] = (struct option){"help", no_argument, NULL, 'h'};
    g->longs[n] = (struct option){NULL, 0, NULL, 0};
    g->shorts[s++] = 'h';
    g->shorts[s] = '\0';
}

static size_t row_of(int option)
{
    size_t i = 0;
    if (option >= LONG_ONLY)
        return (size_t)(option - LONG_ONLY);
    while (rows[i].letter != option)
        i++;
    return i;
}

static int unknown_option(const struct geranos_options_usage *u, const char *text)
{
    char shown[64];
    const char *names[ROWS + 1] = {"help"};
    size_t n = 1;
    snprintf(shown, sizeof(shown), "%.*s", (int)strcspn(text, "="), text);
    const struct row *row = find(shown);
    if (row != NULL && !is_of(row, u))
        return misuse(u, "--", shown, " is an option of another subcommand");
    for (size_t i = 0; i < ROWS; i++)
        if (is_of(&rows[i], u))
            names[n++] = rows[i].name;
    const char *nearest = diag_nearest(shown, names, n);
    if (nearest == NULL)
        return misuse(u, "there is no option --", shown, "");
    fprintf(stderr, "%s: there is no option --%s; did you mean --%s?\n", u->command, shown,
            nearest);
    return 2;
}

/* What getopt_long() has refused. */
static int refused(const struct geranos_options_usage *u, int option, char **argv)
{
    const char letter[] = {(char)optopt, '\0'};
    if (optopt == 0)
        return unknown_option(u, argv[optind - 1] + 2);
    if (option == '?' && optopt < LONG_ONLY)
        return misuse(u, "there is no option -", letter, "");
    const struct row *row = &rows[row_of(optopt)];
    return option == ':' ? misuse(u, "--", row->name, " needs a value")
                         : misuse(u, "--", row->name, " takes no value");
}

static int read_line(struct geranos_options *o, const struct geranos_options_usage *u, int argc,
                     char **argv, bool *given)
{
    struct getopt_tables g;
    int option;
    describe(u, &g);
    optind = 0;
    opterr = 0;
    while ((option = getopt_long(argc, argv, g.shorts, g.longs, NULL)) != -1) {
        if (option == '?' || option == ':')
            return refused(u, option, argv);
        if (option == 'h') {
            geranos_options_help(u, stdout);
            return 0;
        }
        size_t i = row_of(option);
        const char *expected = take(o, &rows[i], optarg);
        given[i] = true;
        if (expected != NULL) {
            fprintf(stderr, "%s: --%s: expected %s, got \"%s\"\n", u->command, rows[i].name,
                    expected, optarg);
            return 2;
        }
    }
    return optind < argc ? misuse(u, "unexpected argument \"", argv[optind], "\"") : -1;
}

int geranos_options_read(struct geranos_options *o, const struct geranos_options_usage *u, int argc,
                         char **argv)
{
    bool given[ROWS] = {false};
    *o = (struct geranos_options){.jobs = JOBS,
                                  .shards = 1,
                                  .blobs = SYNC_BLOBS,
                                  .records = SYNC_RECORDS,
                                  .sample = SAMPLE,
                                  .log_level = LOG_LEVEL_INFO};
    int code = read_line(o, u, argc, argv, given);
    if (code >= 0)
        return code;
    if (o->config != NULL && !read_file(o, given))
        return 1;
    if (o->from == NULL && (u->bit & WALKING))
        return misuse(u, "--from is missing: name the registry", "", "");
    if (o->from == NULL && o->repair)
        return misuse(u, "--repair needs --from: name the registry", "", "");
    if (o->without != NULL && u->bit == GERANOS_OPTIONS_SYNC && !o->index)
        return misuse(u, "--without needs --index", "", "");
    if (o->to.n == 0)
        return misuse(u, "--to is missing: name a store", "", "");
    if (o->to.n > CATALOG_STORES_MAX)
        return misuse(u, "more than 16 stores", "", "");
    return -1;
}

void geranos_options_release(struct geranos_options *o)
{
    document_free(o->document);
    o->document = NULL;
}

/* ── Help ── */

/* Words in lines of at most WIDTH, indented but for the first; a newline is kept. */
static void wrap(const char *text, size_t indent, FILE *to)
{
    size_t column = indent;
    bool first = true;
    while (*text != '\0') {
        size_t len = strcspn(text, " \n");
        bool full = !first && column + 1 + len > WIDTH;
        if (full)
            fprintf(to, "\n%*s", (int)indent, "");
        else if (!first)
            fputc(' ', to);
        column = (full ? indent : column + !first) + len;
        fprintf(to, "%.*s", (int)len, text);
        text += len;
        first = *text == '\n';
        if (first) {
            fprintf(to, "\n%*s", (int)indent, "");
            column = indent;
        }
        text += *text != '\0';
    }
    fputc('\n', to);
}

void geranos_options_help(const struct geranos_options_usage *u, FILE *to)
{
    fprintf(to, "usage: %s %s [OPTION]...\n\n", u->command, u->synopsis);
    wrap(u->about, 0, to);
    fputc('\n', to);
    for (size_t i = 0; i < ROWS; i++) {
        char left[64];
        if (!is_of(&rows[i], u))
            continue;
        snprintf(left, sizeof(left), "  %c%c%s--%s %s", rows[i].letter != '\0' ? '-' : ' ',
                 rows[i].letter != '\0' ? rows[i].letter : ' ',
                 rows[i].letter != '\0' ? ", " : "  ", rows[i].name,
                 rows[i].argument != NULL ? rows[i].argument : "");
        fprintf(to, "%-28s", left);
        if (strlen(left) > 27)
            fprintf(to, "\n%28s", "");
        wrap(rows[i].help, 28, to);
    }
    fprintf(to, "%-28sthis text\n", "  -h, --help");
}
