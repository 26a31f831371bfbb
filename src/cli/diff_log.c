#include "cli/diff_log.h"

#include "cli/comparison.h"
#include "cli/log_lines.h"
#include "cli/printable.h"
#include "cli/tally.h"
#include "http/http_request.h"
#include "oci/path.h"
#include "oci/target.h"
#include "sys/xalloc.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define ROWS_SHOWN 20
#define ABSENT_MAX 64 /* stores that are known not to have one object */

/* What of a line counts: views of its JSON. */
struct record {
    struct addr client;
    struct comparison_request request;
    struct str store; /* that it was sent to; empty: none */
    bool asked;       /* some store was asked for the object */
};

/* What stores had, as far as the log says. */
struct known {
    struct str absent[ABSENT_MAX]; /* names */
    size_t n_absent;
    bool assumed; /* the log does not say; everybody is taken to have it, and somebody was asked */
};

struct compression;

struct replay {
    struct comparison_side before;
    struct comparison_side after;
    char path[DECIDE_TARGET_MAX];
    uint64_t replayed;
    uint64_t moved;
    uint64_t assumed;
    uint64_t undecided;  /* requests for which no decision was made */
    uint64_t unreadable; /* lines */
    uint64_t too_long;
    uint64_t first_skipped;                /* number of a line; 0: none */
    const struct compression *compression; /* of the whole file; NULL: none */
    struct tally moves;
    struct tally repositories;
    struct tally networks;
};

/* ── Lines ── */

static struct str member(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value))
        return (struct str){NULL, 0};
    return str_make(json_string_value(value), json_string_length(value));
}

/* Did the server refuse it before it made a decision? Then nothing else need be there. */
static bool is_undecided(const json_t *object)
{
    const struct str reason = member(object, "reason");
    return reason.data != NULL && reason.len == 0 && json_object_get(object, "status") != NULL;
}

/* False: the object is no record of an access log. */
static bool read_record(const json_t *object, struct record *r)
{
    const struct str client = member(object, "client"), method = member(object, "method"),
                     path = member(object, "path"), cache = member(object, "cache");
    *r = (struct record){.store = member(object, "store"), .asked = cache.len > 0};
    if (client.data == NULL || method.len == 0 || path.data == NULL ||
        path.len > DECIDE_TARGET_MAX || member(object, "reason").len == 0)
        return false;
    if (!addr_parse(client, &r->client) && !str_eq(client, STR("-")))
        return false;
    r->request = (struct comparison_request){
        .method = http_request_method(method), .target = path, .host = member(object, "host")};
    if (r->request.host.data == NULL)
        r->request.host = STR("");
    if (r->store.data == NULL)
        r->store = STR("");
    return true;
}

/* ── Decisions ── */

static struct str asked_store(const struct comparison_side *side)
{
    return snapshot_store(side->snapshot, side->decision.ask_store).name;
}

/* The stores that the policy asks before the one that had the object had it not. False: it does
 * not ask that one. */
static bool follow_to(struct comparison_side *side, struct str store, struct known *known)
{
    for (; side->next == DECIDE_ASK; comparison_resume(side, DECIDE_ABSENT)) {
        struct str asked = asked_store(side);
        if (str_eq(asked, store)) {
            comparison_resume(side, DECIDE_PRESENT);
            return true;
        }
        if (known->n_absent < ABSENT_MAX)
            known->absent[known->n_absent++] = asked;
    }
    return false;
}

static bool is_absent(const struct known *known, struct str store)
{
    size_t i = 0;
    while (i < known->n_absent && !str_eq(known->absent[i], store))
        i++;
    return i < known->n_absent;
}

static void follow(struct comparison_side *side, const struct record *r, struct known *known)
{
    const bool none = r->store.len == 0 && r->asked;
    while (side->next == DECIDE_ASK) {
        const struct str store = asked_store(side);
        bool absent = none || is_absent(known, store);
        known->assumed = known->assumed || (!absent && !str_eq(store, r->store));
        comparison_resume(side, absent ? DECIDE_ABSENT : DECIDE_PRESENT);
    }
}

/* Takes both to their answers. */
static void decide(struct replay *p, const struct record *r, struct known *known)
{
    *known = (struct known){.n_absent = 0};
    comparison_begin(&p->before, &r->request, &r->client);
    comparison_begin(&p->after, &r->request, &r->client);
    if (r->store.len > 0 && p->before.next == DECIDE_ASK &&
        !follow_to(&p->before, r->store, known)) {
        known->n_absent = 0; /* the log is of another policy */
        comparison_begin(&p->before, &r->request, &r->client);
    }
    follow(&p->before, r, known);
    follow(&p->after, r, known);
}

/* ── Sums ── */

static void count_move(struct replay *p)
{
    struct comparison_words from = {.len = 0}, to = {.len = 0};
    comparison_say(&p->before, false, &from);
    comparison_say(&p->after, false, &to);
    if (strcmp(from.text, to.text) == 0) {
        from.len = to.len = 0;
        comparison_say(&p->before, true, &from);
        comparison_say(&p->after, true, &to);
    }
    if (strcmp(from.text, to.text) == 0)
        comparison_add(&to, STR(", by another path"));
    char text[sizeof(from.text) + sizeof(to.text) + 8];
    int n = snprintf(text, sizeof(text), "%s -> %s", from.text, to.text);
    tally_add(&p->moves, str_make(text, (size_t)n));
}

/* A repository; of other paths the host and the first segment. */
static void count_repository(struct replay *p, const struct record *r)
{
    struct target target;
    struct comparison_words name = {.len = 0};
    target_normalise(r->request.target, p->path, &target);
    if (target_is_registry(&target)) {
        struct path path = {.repository = STR("")};
        if (target.safe && target.path.len > sizeof("/v2/") - 1)
            path = path_parse(str_skip(target.path, sizeof("/v2/") - 1));
        comparison_add(&name, path.repository.len > 0 ? path.repository : STR("/v2/"));
    } else {
        comparison_add(&name, r->request.host);
        struct str path = target.raw;
        size_t first = path.len > 0 ? 1 + str_find(str_skip(path, 1), '/') : 0;
        comparison_add(&name, str_make(path.data, first));
    }
    tally_add(&p->repositories, str_make(name.text, name.len));
}

static void count_network(struct replay *p)
{
    struct comparison_words name = {.len = 0};
    comparison_say_network(p->before.snapshot, p->before.decision.answer.network, &name);
    tally_add(&p->networks, str_make(name.text, name.len));
}

static void skip(struct replay *p, uint64_t *counter, uint64_t line)
{
    ++*counter;
    if (p->first_skipped == 0)
        p->first_skipped = line;
}

static void take_line(struct replay *p, struct str line, uint64_t number)
{
    struct record r;
    struct known known;
    json_t *object = json_loadb(line.data, line.len, 0, NULL);
    if (is_undecided(object)) {
        p->undecided++;
    } else if (!read_record(object, &r)) {
        skip(p, &p->unreadable, number);
    } else {
        decide(p, &r, &known);
        p->replayed++;
        p->assumed += known.assumed;
        if (!comparison_same(&p->before, &p->after)) {
            p->moved++;
            count_move(p);
            count_repository(p, &r);
            count_network(p);
        }
    }
    json_decref(object);
}

/* ── For people ── */

static double share(const struct replay *p, uint64_t n)
{
    return 100.0 * (double)n / (double)p->replayed;
}

static void print_table(const struct replay *p, const char *title, struct tally *t, FILE *to)
{
    tally_sort(t);
    fprintf(to, "\n%s\n", title);
    for (size_t i = 0; i < t->n && i < ROWS_SHOWN; i++) {
        const struct tally_entry *e = &t->entry[i];
        fprintf(to, "%s%10llu %5.1f%%  ", e->over > 0 ? "<=" : "  ", (unsigned long long)e->count,
                share(p, e->count));
        printable_put(tally_text(t, i), to);
        fputc('\n', to);
    }
    if (t->n > ROWS_SHOWN)
        fprintf(to, "  and %s%zu more\n", t->full ? "more than " : "", t->n - ROWS_SHOWN);
}

static void print_notes(const struct replay *p, FILE *to)
{
    if (p->assumed > 0)
        fprintf(
            to,
            "\nWhether a store had the blob of %llu of them, the log does not say: it was taken "
            "that\nevery store has it.\n",
            (unsigned long long)p->assumed);
    if (p->before.snapshot->n_headers + p->after.snapshot->n_headers > 0)
        fputs("\nRoutes look at header fields, which the log does not have: they were taken to be "
              "missing.\n",
              to);
    if (p->undecided > 0)
        fprintf(to, "\n%llu request%s left out: %s refused before a decision was made.\n",
                (unsigned long long)p->undecided, p->undecided == 1 ? " was" : "s were",
                p->undecided == 1 ? "it was" : "they were");
    if (p->unreadable + p->too_long == 1)
        fprintf(to, "\nLine %llu was passed over: it is %s.\n",
                (unsigned long long)p->first_skipped,
                p->unreadable == 1 ? "no record of an access log" : "longer than any record");
    else if (p->unreadable + p->too_long > 1)
        fprintf(to,
                "\n%llu lines were passed over, the first of them line %llu: %llu are no records "
                "of an\naccess log, %llu are longer than any record.\n",
                (unsigned long long)(p->unreadable + p->too_long),
                (unsigned long long)p->first_skipped, (unsigned long long)p->unreadable,
                (unsigned long long)p->too_long);
}

static void print(struct replay *p, const char *name, FILE *to)
{
    fprintf(to,
            "%s: %llu request%s replayed, of which %llu (%.2f%%) would be answered otherwise.\n",
            name, (unsigned long long)p->replayed, p->replayed == 1 ? "" : "s",
            (unsigned long long)p->moved, share(p, p->moved));
    if (p->moved > 0) {
        print_table(p, "from -> to", &p->moves, to);
        print_table(p, "repositories", &p->repositories, to);
        print_table(p, "networks", &p->networks, to);
    }
    print_notes(p, to);
}

/* ── The file ── */

/* What logrotate and its like make of an access log. */
static const struct compression {
    struct str magic;
    const char *name;
    const char *unpack;
} compressions[] = {
    {STR_INIT("\x1f\x8b"), "gzip", "zcat"},
    {STR_INIT("\x28\xb5\x2f\xfd"), "zstd", "zstdcat"},
    {STR_INIT("\xfd"
              "7zXZ"),
     "xz", "xzcat"},
    {STR_INIT("BZh"), "bzip2", "bzcat"},
};

/* By a file's first line. NULL: by none. */
static const struct compression *find_compression(struct str line)
{
    for (size_t i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++)
        if (str_starts(line, compressions[i].magic))
            return &compressions[i];
    return NULL;
}

/* 0, or an errno. */
static int read_lines(struct replay *p, int fd)
{
    struct log_lines lines;
    struct str line;
    enum log_lines_next next;
    log_lines_open(&lines, fd);
    while ((next = log_lines_next(&lines, &line)) == LOG_LINES_LINE || next == LOG_LINES_LONG) {
        if (next == LOG_LINES_LONG)
            skip(p, &p->too_long, lines.line);
        else
            take_line(p, line, lines.line);
        if (lines.line == 1 && next == LOG_LINES_LINE)
            p->compression = find_compression(line);
        if (p->compression != NULL)
            break;
    }
    int error = next == LOG_LINES_ERROR ? errno : 0;
    log_lines_close(&lines);
    return error;
}

static enum diff_log_result finish(struct replay *p, const char *name, FILE *to, struct diag *d)
{
    const struct diag_at at = {name, 0, 0};
    if (p->compression != NULL) {
        diag_error(d, at,
                   "it is compressed (%s); unpack it on its way: %s FILE | archeio diff --log - "
                   "OLD NEW",
                   p->compression->name, p->compression->unpack);
        return DIFF_LOG_TROUBLE;
    }
    if (p->replayed == 0) {
        diag_error(d, at,
                   "there is no record of an access log in it; expected what serve writes "
                   "where log.access says");
        return DIFF_LOG_TROUBLE;
    }
    print(p, name, to);
    return p->moved > 0 ? DIFF_LOG_DIFFERS : DIFF_LOG_SAME;
}

enum diff_log_result diff_log_print(const char *name, const struct snapshot *before,
                                    const struct snapshot *after, FILE *to, struct diag *d)
{
    enum diff_log_result result = DIFF_LOG_TROUBLE;
    struct replay *p = xalloc_zero(1, sizeof(*p));
    const bool standard = strcmp(name, "-") == 0;
    const char *shown = standard ? "standard input" : name;
    int fd = standard ? STDIN_FILENO : open(name, O_RDONLY | O_CLOEXEC);
    comparison_open(&p->before, before);
    comparison_open(&p->after, after);
    int error = fd < 0 ? errno : read_lines(p, fd);
    if (error != 0)
        diag_error(d, (struct diag_at){shown, 0, 0}, "cannot be read: %s", strerror(error));
    else
        result = finish(p, shown, to, d);
    if (fd >= 0 && !standard)
        close(fd);
    comparison_close(&p->before);
    comparison_close(&p->after);
    tally_release(&p->moves);
    tally_release(&p->repositories);
    tally_release(&p->networks);
    free(p);
    return result;
}
