/* One request through two decisions, and what is said of it. */
#include "cli/comparison.h"

#include "check.h"
#include "ranges/compile.h"
#include <stdlib.h>
#include <string.h>

#define BLOB "/v2/app/blobs/sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define BEGIN "upstream: {endpoint: 'https://registry.test', path: p}\n"
#define STORES                                                                                     \
    "stores: [{name: a, url: 'https://a.test', serves: [default]}, "                               \
    "{name: b, url: 'https://b.test', serves: [default]}]\n"
#define RENAMED                                                                                    \
    "stores: [{name: c, url: 'https://a.test', serves: [default]}, "                               \
    "{name: b, url: 'https://b.test', serves: [default]}]\n"
#define MOVED                                                                                      \
    "stores: [{name: a, url: 'https://a.test', serves: [default]}, "                               \
    "{name: b, url: 'https://other.test', serves: [default]}]\n"
#define ROUTES                                                                                     \
    "upstreams: [{name: mirror, endpoint: 'https://mirror.test'}]\n"                               \
    "routes:\n"                                                                                    \
    "  - {name: u, when: {path: '/u/**'}, to: {url: 'https://u.test', status: 302}}\n"             \
    "  - {name: m, when: {repository: m}, to: mirror}\n"                                           \
    "  - {name: n, when: {path: /m}, to: [b, mirror]}\n"                                           \
    "  - {name: f, when: {header: {X-F: '1'}}, to: {status: 410, body: gone}}\n"

struct pair {
    struct compile_image image[2];
    struct comparison_side a;
    struct comparison_side b;
};

static void build(const char *text, struct compile_image *image)
{
    struct diag d = {0};
    struct ranges *ranges =
        ranges_parse("own.txt", "192.0.2.0/24 aws eu-west-3\n198.51.100.0/24 gcp\n", 47, &d);
    struct config *c = config_parse("site", text, strlen(text), NULL, &d);
    diag_print(&d, stderr);
    assert_non_null(c);
    assert_non_null(ranges);
    assert_true(compile_snapshot(c, ranges, image, &d));
    config_free(c);
    ranges_free(ranges);
    diag_clear(&d);
}

static void open_pair(struct pair *p, const char *before, const char *after)
{
    build(before, &p->image[0]);
    build(after, &p->image[1]);
    comparison_open(&p->a, &p->image[0].snapshot);
    comparison_open(&p->b, &p->image[1].snapshot);
}

static void close_pair(struct pair *p)
{
    comparison_close(&p->a);
    comparison_close(&p->b);
    compile_release(&p->image[0]);
    compile_release(&p->image[1]);
}

static bool same(struct pair *p, const struct comparison_request *r)
{
    static struct addr client;
    client = check_addr("203.0.113.1");
    comparison_begin(&p->a, r, &client);
    comparison_begin(&p->b, r, &client);
    return comparison_all_same(&p->a, &p->b);
}

static void check_words(struct comparison_side *side, bool exactly, const char *want)
{
    struct comparison_words words = {.len = 0};
    comparison_say_rest(side, exactly, &words);
    assert_string_equal(words.text, want);
}

static void names_do_not_matter_to_clients(void **state)
{
    (void)state;
    struct pair p;
    const struct comparison_request blob = {.target = STR(BLOB), .host = STR("")};
    open_pair(&p, BEGIN STORES, BEGIN RENAMED);
    assert_true(same(&p, &blob));
    close_pair(&p);
}

static void the_words_begin_where_the_ways_part(void **state)
{
    (void)state;
    struct pair p;
    const struct comparison_request blob = {.target = STR(BLOB), .host = STR("")};
    open_pair(&p, BEGIN STORES, BEGIN MOVED);
    assert_false(same(&p, &blob));
    check_words(&p.a, false, "b, else upstream");
    check_words(&p.b, true, "b (https://other.test), else upstream (https://registry.test/v2/p/)");
    close_pair(&p);
}

static void every_place_has_a_name(void **state)
{
    (void)state;
    struct pair p;
    static const struct comparison_field field = {STR_INIT("x-f"), STR_INIT("1")};
    static const struct {
        struct comparison_request request;
        const char *before;
        const char *after;
        const char *exactly;
    } row[] = {
        {{.target = STR_INIT("/u/x"), .host = {"", 0}},
         "404",
         "https://u.test (302)",
         "https://u.test (302)"},
        {{.target = STR_INIT("/v2/m/tags/list"), .host = {"", 0}},
         "upstream",
         "mirror",
         "mirror (https://mirror.test/v2/)"},
        {{.target = STR_INIT("/m"), .host = {"", 0}},
         "404",
         "b, else mirror",
         "b (https://b.test), else mirror (https://mirror.test)"},
        {{.target = STR_INIT("/"), .host = {"", 0}, .fields = &field, .n_fields = 1},
         "info page",
         "410",
         "410 (gone)"},
        {{.target = STR_INIT("/privacy"), .host = {"", 0}, .fields = &field, .n_fields = 1},
         "privacy policy",
         "410",
         "410 (gone)"},
    };
    open_pair(&p, BEGIN STORES, BEGIN STORES ROUTES);
    for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
        assert_false(same(&p, &row[i].request));
        check_words(&p.a, false, row[i].before);
        check_words(&p.b, false, row[i].after);
        assert_false(same(&p, &row[i].request));
        check_words(&p.b, true, row[i].exactly);
    }
    const struct comparison_request other = {.target = STR("/v2/x/tags/list"), .host = STR("")};
    assert_true(same(&p, &other));
    close_pair(&p);
}

static void networks_have_names(void **state)
{
    (void)state;
    struct pair p;
    static const char *const want[] = {"no known network", "aws/eu-west-3", "gcp"};
    static const char *const address[] = {"203.0.113.1", "192.0.2.1", "198.51.100.1"};
    open_pair(&p, BEGIN STORES, BEGIN STORES);
    for (size_t i = 0; i < 3; i++) {
        struct comparison_words words = {.len = 0};
        const struct addr client = check_addr(address[i]);
        comparison_say_network(p.a.snapshot, snapshot_locate(p.a.snapshot, &client), &words);
        assert_string_equal(words.text, want[i]);
    }
    close_pair(&p);
}

static void words_are_cut_and_harmless(void **state)
{
    (void)state;
    struct comparison_words words = {.len = 0};
    for (unsigned i = 0; i < sizeof(words.text); i++)
        comparison_add(&words, STR("a\x1b"));
    assert_int_equal(words.len, sizeof(words.text) - 1);
    assert_int_equal(strlen(words.text), words.len);
    assert_null(strchr(words.text, '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_do_not_matter_to_clients),
        cmocka_unit_test(the_words_begin_where_the_ways_part),
        cmocka_unit_test(every_place_has_a_name),
        cmocka_unit_test(networks_have_names),
        cmocka_unit_test(words_are_cut_and_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
