/*
 * The golden tables, driven through the core: tests/golden/requests.tsv and routes.tsv.
 */
#include "check.h"

#include "config/config.h"
#include "ranges/compile.h"
#include <archeio/decide.h>

#include <stdlib.h>

#define GOLDEN TESTS_DIR "/golden/"
#define COLUMNS_MAX 8

struct table {
    const char *name;
    const char *site;
    size_t columns; /* what follows is about doors */
    unsigned least; /* rows */
    struct row (*row_of)(char *column[]);
};

struct row {
    const char *step; /* and the route, if one was taken */
    const char *method;
    const char *client; /* "-": unknown */
    const char *host;   /* "-": where it is sent to */
    const char *fields; /* "-": none; " | " between two */
    const char *target;
    int status;
    const char *location; /* "-": none */
};

/* What stores have: a blob, or an artifact. */
struct object {
    char *name;    /* a digest or a path */
    char *present; /* names of stores, separated by commas */
    char *broken;
};

static struct compile_image image;
static struct object object[64];
static size_t n_objects;

static struct row row_of_requests(char *c[])
{
    return (struct row){c[0], c[1], c[2], "-", "-", c[3], atoi(c[4]), c[5]};
}

static struct row row_of_routes(char *c[])
{
    return (struct row){c[0], c[1], c[2], c[3], c[4], c[5], atoi(c[6]), c[7]};
}

static struct table requests = {"requests.tsv", "site.yaml", 6, 300, row_of_requests};
static struct table routes = {"routes.tsv", "routes.yaml", 8, 250, row_of_routes};

/* ── The site ── */

/* Cuts a line at its tabs; returns how many pieces there were. */
static size_t cut(char *line, char *column[], size_t max)
{
    size_t n = 0;
    line[strcspn(line, "\n")] = '\0';
    for (char *at = line; at != NULL && n < max;)
        column[n++] = strsep(&at, "\t");
    return n;
}

static bool is_row(const char *line)
{
    return line[0] != '#' && line[0] != '\n';
}

/* name: the column of what the object is called; the two behind it are of stores. */
static void load_objects(const char *file, size_t name)
{
    FILE *f = fopen(file, "r");
    assert_non_null(f);
    char line[1024], *column[4];
    while (fgets(line, sizeof(line), f) != NULL) {
        if (!is_row(line))
            continue;
        assert_int_equal(cut(line, column, name + 3), name + 3);
        assert_true(n_objects < sizeof(object) / sizeof(object[0]));
        object[n_objects++] = (struct object){strdup(column[name]), strdup(column[name + 1]),
                                              strdup(column[name + 2])};
    }
    fclose(f);
}

static int load_site(void **state)
{
    const struct table *table = *state;
    char ranges[] = "ARCHEIO_RANGES=" GOLDEN "ranges", *environment[] = {ranges, NULL};
    char path[512];
    struct diag d = {0};
    snprintf(path, sizeof(path), GOLDEN "%s", table->site);
    struct config *c = config_load(path, environment, &d);
    struct ranges *r = ranges_load(GOLDEN "ranges", &d);
    if (d.n_errors > 0)
        diag_print(&d, stderr);
    assert_non_null(c);
    assert_true(compile_snapshot(c, r, &image, &d));
    assert_int_equal(d.n_errors, 0);
    diag_clear(&d);
    ranges_free(r);
    config_free(c);
    load_objects(GOLDEN "blobs.tsv", 1);
    load_objects(GOLDEN "artifacts.tsv", 0);
    return 0;
}

static int release_site(void **state)
{
    (void)state;
    compile_release(&image);
    while (n_objects > 0) {
        n_objects--;
        free(object[n_objects].name);
        free(object[n_objects].present);
        free(object[n_objects].broken);
    }
    return 0;
}

static bool lists(const char *names, struct str name)
{
    for (const char *at = names; *at != '\0'; at += at[strcspn(at, ",")] == ',') {
        size_t len = strcspn(at, ",");
        if (str_eq(str_make(at, len), name))
            return true;
        at += len;
        if (*at == '\0')
            break;
    }
    return false;
}

static enum decide_existence look_up(const struct decision *d)
{
    struct str store = snapshot_store(&image.snapshot, d->ask_store).name;
    char text[DIGEST_TEXT_MAX];
    const bool artifact = d->digest.size == 0;
    struct str name = artifact ? d->ask_path : str_make(text, digest_format(&d->digest, text));
    for (size_t i = 0; i < n_objects; i++) {
        if (!str_eq(str_from(object[i].name), name))
            continue;
        if (lists(object[i].present, store))
            return DECIDE_PRESENT;
        return lists(object[i].broken, store) ? DECIDE_UNKNOWN : DECIDE_ABSENT;
    }
    if (!artifact)
        fail_msg("blobs.tsv does not know %.*s", (int)name.len, name.data);
    return DECIDE_ABSENT;
}

/* ── A row ── */

/* "{host}" becomes the authority. */
static char *expand(const char *target, const char *host)
{
    const char *at = strstr(target, "{host}");
    char *out;
    if (at == NULL)
        return strdup(target);
    assert_true(asprintf(&out, "%.*s%s%s", (int)(at - target), target, host, at + 6) > 0);
    return out;
}

/* The value of the first field of that name; its data is NULL if there is none. */
static struct str field_of(const char *fields, struct str name)
{
    for (const char *at = fields; at != NULL && strcmp(fields, "-") != 0;) {
        const char *end = strstr(at, " | ");
        struct str line = str_make(at, end != NULL ? (size_t)(end - at) : strlen(at));
        size_t colon = str_find(line, ':');
        assert_true(colon + 2 <= line.len);
        if (str_eq_nocase(str_make(line.data, colon), name))
            return str_skip(line, colon + 2);
        at = end != NULL ? end + 3 : NULL;
    }
    return (struct str){NULL, 0};
}

static void compare(const struct table *table, unsigned line, const struct row *row,
                    const struct decide_answer *got)
{
    char step[128];
    struct str name =
        got->route == DECIDE_NO_ROUTE ? STR("") : snapshot_route(&image.snapshot, got->route).name;
    struct str want = str_from(strcmp(row->location, "-") == 0 ? "" : row->location);
    snprintf(step, sizeof(step), "%s%s%.*s", decide_step_name(got->step), name.len > 0 ? " " : "",
             (int)name.len, name.data);
    if (strcmp(step, row->step) != 0 || got->status != row->status || !str_eq(got->location, want))
        fail_msg("%s:%u: got %s %u %.*s", table->name, line, step, got->status,
                 (int)got->location.len, got->location.data);
}

static void check_row(const struct table *table, unsigned line, const struct row *row,
                      enum decide_method method)
{
    const struct snapshot *s = &image.snapshot;
    const char *host = strcmp(row->host, "-") == 0 ? "registry.test:80" : row->host;
    char *target = expand(row->target, host);
    struct addr client = {0};
    struct str headers[SNAPSHOT_HEADERS_MAX];
    if (strcmp(row->client, "-") != 0)
        assert_true(addr_parse(str_from(row->client), &client));
    for (uint32_t i = 0; i < s->n_headers; i++)
        headers[i] = field_of(row->fields, snapshot_header(s, i));
    struct decide_request request = {
        .method = method,
        .target = str_from(target),
        .host = str_from(host),
        .headers = headers,
        .size = DECIDE_BUFFER_SIZE(s, strlen(target)),
    };
    request.buffer = malloc(request.size);
    struct decision d;
    enum decide_next next = decide_begin(s, &request, &client, &d);
    while (next == DECIDE_ASK)
        next = decide_resume(&d, look_up(&d));
    compare(table, line, row, &d.answer);
    free(request.buffer);
    free(target);
}

static void check_methods(const struct table *table, unsigned line, const struct row *row)
{
    if (strcmp(row->method, "GET") == 0 || strcmp(row->method, "GET-only") == 0)
        check_row(table, line, row, DECIDE_GET);
    if (strcmp(row->method, "GET") == 0 || strcmp(row->method, "HEAD") == 0)
        check_row(table, line, row, DECIDE_HEAD);
    else if (strcmp(row->method, "GET-only") != 0)
        check_row(table, line, row, DECIDE_OTHER);
}

static void test_every_row(void **state)
{
    const struct table *table = *state;
    char path[512], text[4096], *column[COLUMNS_MAX];
    unsigned line = 0, rows = 0;
    snprintf(path, sizeof(path), GOLDEN "%s", table->name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (fgets(text, sizeof(text), f) != NULL) {
        line++;
        if (!is_row(text))
            continue;
        assert_int_equal(cut(text, column, table->columns), table->columns);
        const struct row row = table->row_of(column);
        check_methods(table, line, &row);
        rows++;
    }
    fclose(f);
    print_message("%s: %u rows\n", table->name, rows);
    assert_true(rows >= table->least);
}

#define OF_TABLE(table)                                                                            \
    {                                                                                              \
        "test_every_row_of_" #table, test_every_row, load_site, release_site, &(table)             \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {OF_TABLE(requests), OF_TABLE(routes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
