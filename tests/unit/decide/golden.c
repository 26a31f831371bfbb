/*
 * The golden table, driven through the core: tests/golden/requests.tsv.
 */
#include "check.h"

#include "config/config.h"
#include "ranges/compile.h"
#include <archeio/decide.h>

#include <stdlib.h>

#define GOLDEN TESTS_DIR "/golden/"
#define COLUMNS 6 /* what follows is about doors */

struct blob {
    char *digest;
    char *present; /* names of stores, separated by commas */
    char *broken;
};

static struct compile_image image;
static struct blob blob[32];
static size_t n_blobs;

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

static void load_blobs(void)
{
    FILE *f = fopen(GOLDEN "blobs.tsv", "r");
    assert_non_null(f);
    char line[1024], *column[4];
    while (fgets(line, sizeof(line), f) != NULL) {
        if (!is_row(line))
            continue;
        assert_int_equal(cut(line, column, 4), 4);
        assert_true(n_blobs < sizeof(blob) / sizeof(blob[0]));
        blob[n_blobs++] = (struct blob){strdup(column[1]), strdup(column[2]), strdup(column[3])};
    }
    fclose(f);
}

static int load_site(void **state)
{
    (void)state;
    char *environment[] = {NULL};
    struct diag d = {0};
    struct config *c = config_load(GOLDEN "site.yaml", environment, &d);
    struct ranges *r = ranges_load(GOLDEN "ranges", &d);
    if (d.n_errors > 0)
        diag_print(&d, stderr);
    assert_non_null(c);
    assert_int_equal(d.n_errors, 0);
    assert_true(compile_snapshot(c, r, &image, &d));
    diag_clear(&d);
    ranges_free(r);
    config_free(c);
    load_blobs();
    return 0;
}

static int release_site(void **state)
{
    (void)state;
    compile_release(&image);
    while (n_blobs > 0) {
        n_blobs--;
        free(blob[n_blobs].digest);
        free(blob[n_blobs].present);
        free(blob[n_blobs].broken);
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
    struct str digest = str_make(text, digest_format(&d->digest, text));
    for (size_t i = 0; i < n_blobs; i++) {
        if (!str_eq(str_from(blob[i].digest), digest))
            continue;
        if (lists(blob[i].present, store))
            return DECIDE_PRESENT;
        return lists(blob[i].broken, store) ? DECIDE_UNKNOWN : DECIDE_ABSENT;
    }
    fail_msg("blobs.tsv does not know %.*s", (int)digest.len, digest.data);
    return DECIDE_UNKNOWN;
}

/* "{host}" becomes the authority. */
static char *expand(const char *target)
{
    const char *at = strstr(target, "{host}");
    char *out;
    if (at == NULL)
        return strdup(target);
    assert_true(asprintf(&out, "%.*sregistry.test:80%s", (int)(at - target), target, at + 6) > 0);
    return out;
}

static void check_row(char *column[COLUMNS], unsigned line)
{
    char *target = expand(column[3]);
    struct addr client = {0};
    if (strcmp(column[2], "-") != 0)
        assert_true(addr_parse(str_from(column[2]), &client));
    struct decide_request request = {
        .method = strcmp(column[1], "GET") == 0    ? DECIDE_GET
                  : strcmp(column[1], "HEAD") == 0 ? DECIDE_HEAD
                                                   : DECIDE_OTHER,
        .target = str_from(target),
        .size = DECIDE_BUFFER_SIZE(&image.snapshot, strlen(target)),
    };
    request.buffer = malloc(request.size);
    struct decision d;
    enum decide_next next = decide_begin(&image.snapshot, &request, &client, &d);
    while (next == DECIDE_ASK)
        next = decide_resume(&d, look_up(&d));
    struct str want = str_from(strcmp(column[5], "-") == 0 ? "" : column[5]);
    if (strcmp(decide_step_name(d.answer.step), column[0]) != 0 ||
        d.answer.status != atoi(column[4]) || !str_eq(d.answer.location, want))
        fail_msg("requests.tsv:%u: got %s %u %.*s", line, decide_step_name(d.answer.step),
                 d.answer.status, (int)d.answer.location.len, d.answer.location.data);
    free(request.buffer);
    free(target);
}

static void test_every_row(void **state)
{
    (void)state;
    FILE *f = fopen(GOLDEN "requests.tsv", "r");
    assert_non_null(f);
    char text[4096], *column[COLUMNS];
    unsigned line = 0, rows = 0;
    while (fgets(text, sizeof(text), f) != NULL) {
        line++;
        if (!is_row(text))
            continue;
        assert_int_equal(cut(text, column, COLUMNS), COLUMNS);
        check_row(column, line);
        rows++;
    }
    fclose(f);
    print_message("%u rows\n", rows);
    assert_true(rows >= 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_row)};
    return cmocka_run_group_tests(tests, load_site, release_site);
}
