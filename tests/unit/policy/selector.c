/*
 * Routes, worked out for the image: what does not fit, how many rows there are, and what a URL
 * takes the place of. Which route a request takes is tested in decide/.
 */
#include "check.h"

#include "policy/selector.h"

#include <stdlib.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define MANY 1000

static const struct policy_target target = {
    .kind = SNAPSHOT_TARGET_URL, .status = 307, .text = STR_INIT("https://url.test")};

static struct policy with_routes(const struct policy_route *routes, size_t n)
{
    return (struct policy){.routes = routes, .n_routes = n};
}

static void what_does_not_fit_is_said(void **state)
{
    static char long_text[SNAPSHOT_URL_MAX + 1], letter[SNAPSHOT_HEADERS_MAX + 1];
    static const struct policy_value value = {STR_INIT("x"), false};
    const struct str too_long = {long_text, sizeof(long_text)};
    const struct policy_texts texts = {&too_long, 1};
    const struct policy_value long_value = {too_long, false};
    const struct policy_field field = {STR("x"), &long_value, 1};
    struct policy_field many[SNAPSHOT_HEADERS_MAX + 1];
    struct policy_target long_target = target;
    (void)state;
    memset(long_text, 'x', sizeof(long_text));
    long_target.text = too_long;
    for (size_t i = 0; i < N(many); i++) {
        letter[i] = (char)('a' + i);
        many[i] = (struct policy_field){str_make(&letter[i], 1), &value, 1};
    }
    const struct policy_route bad[] = {
        {.name = too_long},
        {.hosts = texts},
        {.paths = texts},
        {.repositories = texts},
        {.fields = &field, .n_fields = 1},
        {.targets = &long_target, .n_targets = 1},
    };
    for (size_t i = 0; i < N(bad); i++) {
        struct policy p = with_routes(&bad[i], 1);
        assert_string_equal(selector_check(&p), "a text of a route is too long");
    }
    struct policy_route looks = {.fields = many, .n_fields = SNAPSHOT_HEADERS_MAX};
    struct policy p = with_routes(&looks, 1);
    assert_null(selector_check(&p));
    looks.n_fields++;
    assert_string_equal(selector_check(&p), "the routes look at too many header fields");
    p = with_routes(NULL, SNAPSHOT_ROUTES_MAX + 1);
    assert_string_equal(selector_check(&p), "there are too many routes");
    p = (struct policy){.n_upstreams = SNAPSHOT_UPSTREAMS_MAX + 1};
    assert_string_equal(selector_check(&p), "there are too many upstreams");
}

static void the_same_field_counts_once(void **state)
{
    static const struct policy_value value = {STR_INIT("x"), false};
    static const struct policy_field field = {STR_INIT("x-team"), &value, 1};
    struct policy_route routes[SNAPSHOT_HEADERS_MAX + 1];
    struct selector r;
    (void)state;
    for (size_t i = 0; i < N(routes); i++)
        routes[i] = (struct policy_route){.fields = &field, .n_fields = 1};
    struct policy p = with_routes(routes, N(routes));
    assert_null(selector_check(&p));
    void *scratch = malloc(selector_scratch_size(&p));
    selector_make(&r, &p, scratch);
    assert_int_equal(r.n_fields, 1);
    check_str(r.field[0].name, "x-team");
    assert_int_equal(r.n_literals, 1);
    free(scratch);
}

static void without_routes_there_is_nothing(void **state)
{
    struct selector r;
    const struct policy p = with_routes(NULL, 0);
    (void)state;
    assert_null(selector_check(&p));
    assert_int_equal(selector_scratch_size(&p), 0);
    selector_make(&r, &p, NULL);
    assert_int_equal(r.n_rows, 0);
    assert_int_equal(r.n_literals, 0);
}

/* A thousand networks that no route tells apart share a row with all else that all may take; a
 * thousand repositories have two rows each, and share those that are alike. */
static void rows_that_are_alike_are_one(void **state)
{
    static char name[MANY][24];
    static struct str text[MANY];
    static struct policy_route routes[MANY];
    static struct policy_network networks[MANY];
    struct selector r;
    (void)state;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof(name[i]), "team-%zu/**", i);
        text[i] = str_from(name[i]);
        routes[i] = (struct policy_route){.repositories = {&text[i], 1}};
        networks[i] = (struct policy_network){.asn = (uint32_t)i};
    }
    struct policy p = with_routes(routes, MANY);
    p.networks = networks;
    p.n_networks = MANY;
    void *scratch = malloc(selector_scratch_size(&p));
    selector_make(&r, &p, scratch);
    assert_int_equal(r.words, (MANY + 63) / 64);
    assert_int_equal(r.n_literals, MANY);
    /* All routes; none; and one for each literal. */
    assert_int_equal(r.n_rows, 2 + MANY);
    for (size_t i = 0; i <= MANY; i++)
        assert_int_equal(r.network_row[i], r.network_row[0]);
    assert_int_equal(r.method_row[0], r.network_row[0]);
    assert_int_equal(r.kind_row[IMAGE_KINDS - 1], r.network_row[0]);
    assert_int_equal(r.host.used, 0);
    assert_int_equal(r.repository.used, 1);
    free(scratch);
}

static void literals_are_sorted_and_know_what_they_begin_with(void **state)
{
    static const struct str text[] = {STR_INIT("b/**"),    STR_INIT("abc"),   STR_INIT("a*"),
                                      STR_INIT("ab/c/**"), STR_INIT("ab/**"), STR_INIT("a*")};
    static const struct {
        const char *text;
        uint32_t parent;
    } want[] = {{"a", 0}, {"ab/", 1}, {"ab/c/", 2}, {"abc", 1}, {"b/", 0}};
    const struct policy_route route = {.paths = {text, N(text)}};
    const struct policy p = with_routes(&route, 1);
    struct selector r;
    (void)state;
    void *scratch = malloc(selector_scratch_size(&p));
    selector_make(&r, &p, scratch);
    assert_int_equal(r.n_literals, N(want));
    for (size_t i = 0; i < N(want); i++) {
        check_str(r.literal[i].text, want[i].text);
        assert_int_equal(r.literal[i].parent, want[i].parent);
    }
    free(scratch);
}

static void a_url_takes_the_place_of_what_stands_before_the_first_wildcard_segment(void **state)
{
    static const struct {
        struct str pattern;
        uint32_t replaced;
    } rows[] = {
        {STR_INIT("/release/**"), 8}, {STR_INIT("/a/b*"), 2}, {STR_INIT("/a/*/b"), 2},
        {STR_INIT("/**"), 0},         {STR_INIT("/*"), 0},    {STR_INIT("/exact/path"), UINT32_MAX},
        {STR_INIT("/a?/b"), 0},       {STR_INIT("**"), 0},    {STR_INIT("/pkg/**/linux/*"), 4},
    };
    const struct policy_route plain = {.strips = false};
    const struct policy_route stripping = {.strips = true, .strip = STR("/a")};
    (void)state;
    for (size_t i = 0; i < N(rows); i++) {
        assert_int_equal(selector_replaced(&plain, rows[i].pattern), rows[i].replaced);
        assert_int_equal(selector_replaced(&stripping, rows[i].pattern), 2);
    }
}

static void shares_of_two_routes_are_of_different_clients(void **state)
{
    (void)state;
    assert_true(selector_seed(STR("one")) == selector_seed(STR("one")));
    assert_true(selector_seed(STR("one")) != selector_seed(STR("two")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_fit_is_said),
        cmocka_unit_test(the_same_field_counts_once),
        cmocka_unit_test(without_routes_there_is_nothing),
        cmocka_unit_test(rows_that_are_alike_are_one),
        cmocka_unit_test(literals_are_sorted_and_know_what_they_begin_with),
        cmocka_unit_test(a_url_takes_the_place_of_what_stands_before_the_first_wildcard_segment),
        cmocka_unit_test(shares_of_two_routes_are_of_different_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
