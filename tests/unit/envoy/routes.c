/*
 * What routes look at in a request to Envoy, and what they answer; and artifacts, which are asked
 * for by their path.
 */
#include "site.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))
#define LIST(array)                                                                                \
    {                                                                                              \
        array, N(array)                                                                            \
    }

static const struct policy_value blue[] = {{STR_INIT("blue"), false}};
static const struct policy_value other_host[] = {{STR_INIT("other.test"), false}};
static const struct policy_field team[] = {{STR_INIT("x-team"), blue, 1}};
static const struct policy_field host_field[] = {{STR_INIT("host"), other_host, 1}};
static const struct str dl[] = {STR_INIT("dl.test")};
static const struct str gone[] = {STR_INIT("/gone")};
static const struct str quiet[] = {STR_INIT("/quiet")};
static const struct str moved[] = {STR_INIT("/moved/**")};
static const struct policy_target to_team[] = {
    {.kind = SNAPSHOT_TARGET_URL, .status = 302, .text = STR_INIT("https://team.test")}};
static const struct policy_target to_other[] = {
    {.kind = SNAPSHOT_TARGET_URL, .status = 301, .text = STR_INIT("https://other-site.test")}};
static const struct policy_target to_stores[] = {{.kind = SNAPSHOT_TARGET_STORE, .index = 0},
                                                 {.kind = SNAPSHOT_TARGET_STORE, .index = 1}};
static const struct policy_target to_answer[] = {
    {.kind = SNAPSHOT_TARGET_ANSWER, .status = 410, .text = STR_INIT("gone for good")}};
static const struct policy_target to_nothing[] = {
    {.kind = SNAPSHOT_TARGET_ANSWER, .status = 503, .text = STR_INIT("")}};
static const struct str closed[] = {STR_INIT("/closed")};
static const struct policy_target to_closed[] = {
    {.kind = SNAPSHOT_TARGET_ANSWER, .status = 405, .text = STR_INIT("")}};
static const struct policy_target to_moved[] = {
    {.kind = SNAPSHOT_TARGET_URL, .status = 308, .text = STR_INIT("https://moved.test/new")}};

static const struct policy_route route[] = {
    {.name = STR_INIT("team"),
     .share = POLICY_ALL,
     .fields = team,
     .n_fields = 1,
     .targets = to_team,
     .n_targets = 1},
    {.name = STR_INIT("other"),
     .share = POLICY_ALL,
     .fields = host_field,
     .n_fields = 1,
     .targets = to_other,
     .n_targets = 1},
    {.name = STR_INIT("dl"),
     .share = POLICY_ALL,
     .hosts = LIST(dl),
     .targets = to_stores,
     .n_targets = 2},
    {.name = STR_INIT("gone"),
     .share = POLICY_ALL,
     .paths = LIST(gone),
     .targets = to_answer,
     .n_targets = 1},
    {.name = STR_INIT("quiet"),
     .share = POLICY_ALL,
     .paths = LIST(quiet),
     .targets = to_nothing,
     .n_targets = 1},
    {.name = STR_INIT("closed"),
     .share = POLICY_ALL,
     .paths = LIST(closed),
     .targets = to_closed,
     .n_targets = 1},
    {.name = STR_INIT("moved"),
     .share = POLICY_ALL,
     .paths = LIST(moved),
     .targets = to_moved,
     .n_targets = 1},
};

static int build(void **state)
{
    (void)state;
    site_make((struct policy){.routes = route, .n_routes = N(route)});
    return 0;
}

/* The request's context. to, first, second: NULL for no such field. */
static uint32_t get(const char *path, const char *to, const char *first, const char *second)
{
    struct pairs_field field[5] = {{STR(":method"), STR("GET")}, {STR(":path"), str_from(path)}};
    uint32_t n = 2, action;
    if (to != NULL)
        field[n++] = (struct pairs_field){STR(":authority"), str_from(to)};
    if (first != NULL)
        field[n++] = (struct pairs_field){STR("x-team"), str_from(first)};
    if (second != NULL)
        field[n++] = (struct pairs_field){STR("x-team"), str_from(second)};
    uint32_t context = host_request(field, n, &action);
    assert_int_equal(action, ABI_PAUSE);
    return context;
}

static uint32_t get_file(const char *path)
{
    return get(path, "dl.test", NULL, NULL);
}

static void check_redirect(uint32_t context, uint32_t status, const char *location)
{
    assert_int_equal(host_answer(context)->status, status);
    assert_string_equal(host_answer(context)->location, location);
}

static void test_routes_look_at_the_first_line_of_a_field(void **state)
{
    (void)state;
    site_start("");
    check_redirect(get("/x?y", "r.test", "blue", NULL), 302, "https://team.test/x?y");
    check_redirect(get("/x", "r.test", "blue", "red"), 302, "https://team.test/x");
    assert_int_equal(host_answer(get("/x", "r.test", "red", "blue"))->status, 404);
    assert_int_equal(host_answer(get("/x", "r.test", NULL, NULL))->status, 404);
}

/* Envoy's name for the field is another. */
static void test_the_host_is_a_field_too(void **state)
{
    (void)state;
    site_start("");
    check_redirect(get("/x", "other.test", NULL, NULL), 301, "https://other-site.test/x");
    assert_int_equal(host_answer(get("/x", NULL, NULL, NULL))->status, 404);
}

static void test_answers_of_routes_are_plain_text(void **state)
{
    (void)state;
    site_start("");
    const struct host_answer *a = host_answer(get("/gone", "r.test", NULL, NULL));
    assert_int_equal(a->status, 410);
    assert_string_equal(a->fields, "content-type: text/plain\n");
    assert_string_equal(a->body, "gone for good");
    assert_string_equal(a->details, "archeio_route_gone");
    a = host_answer(get("/quiet", "r.test", NULL, NULL));
    assert_int_equal(a->status, 503);
    assert_string_equal(a->fields, "");
    assert_string_equal(a->body, "");
    a = host_answer(get("/closed", "r.test", NULL, NULL));
    assert_int_equal(a->status, 405);
    assert_string_equal(a->fields, "allow: GET, HEAD\n");
}

static void test_a_path_goes_on_as_it_came(void **state)
{
    (void)state;
    site_start("");
    check_redirect(get("/moved/a%2fb%20c//d?e=%zz", "r.test", NULL, NULL), 308,
                   "https://moved.test/new/a%2fb%20c//d?e=%zz");
}

static void test_an_artifact_is_asked_for_by_its_path_once(void **state)
{
    (void)state;
    site_start("");
    uint32_t first = get_file("/v1/a%2fb?x=y"), second = get_file("/v1/a%2fb");
    assert_true(site_waits(first) && site_waits(second));
    assert_int_equal(host.n_calls, 1);
    assert_string_equal(host.call[0].method, "HEAD");
    assert_string_equal(host.call[0].cluster, "archeio_eu");
    assert_string_equal(host.call[0].url, "https://eu.test/v1/a%2fb");
    host_respond(0, "200");
    check_redirect(first, 307, "https://eu.test/v1/a%2fb?x=y");
    check_redirect(second, 307, "https://eu.test/v1/a%2fb");
    assert_string_equal(host_answer(first)->details, "archeio_route_dl_eu");
    check_redirect(get_file("/v1/a%2fb"), 307, "https://eu.test/v1/a%2fb");
    assert_int_equal(host.n_calls, 1);
}

static void test_an_artifact_that_is_absent_comes_from_the_next_store(void **state)
{
    (void)state;
    site_start("");
    uint32_t context = get_file("/v1/file");
    host_respond(0, "404");
    assert_string_equal(host.call[1].cluster, "archeio_us");
    assert_string_equal(host.call[1].url, "http://us.test:8080/x/v1/file");
    host_respond(1, "404");
    assert_int_equal(host_answer(context)->status, 404);
    assert_string_equal(host_answer(context)->details, "archeio_route_dl");
}

/* Some clients make up paths for which a store has nothing but errors. */
static void test_paths_that_a_store_does_not_answer_well_leave_it_up(void **state)
{
    (void)state;
    static const char *const status[] = {"400", "414", "500", "501", "302"};
    char path[32];
    site_start("wait: 0s");
    for (unsigned i = 0; i < N(status); i++) {
        for (unsigned n = 0; n < 4; n++) {
            uint32_t call = host.n_calls;
            snprintf(path, sizeof(path), "/v1/%%00%u-%u", i, n);
            get_file(path);
            host_respond(call, status[i]);
            host_respond(call + 1, status[i]);
        }
    }
    assert_int_equal(host_counter("archeio_store_down"), 0);
    uint32_t call = host.n_calls;
    get_file("/v1/file");
    assert_string_equal(host.call[call].url, "https://eu.test/v1/file");
}

static void test_a_store_that_gives_no_answer_for_paths_is_down_until_it_answers(void **state)
{
    (void)state;
    static const char *const status[] = {"503", "504", NULL};
    char path[32];
    site_start("wait: 0s");
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "/v1/%%00%u", i);
        get_file(path);
        host_respond(2 * i, status[i]);
        host_respond(2 * i + 1, "404");
    }
    assert_int_equal(host_counter("archeio_store_down"), 1);
    get_file("/v1/file");
    assert_int_equal(host.n_calls, 7);
    assert_string_equal(host.call[6].url, "http://us.test:8080/x/v1/file");
    host_respond(6, "200");
    host_pass(2 * HOST_S);
    assert_int_equal(host.n_calls, 8);
    host_respond(7, "400");
    get_file("/v1/new");
    assert_string_equal(host.call[8].url, "https://eu.test/v1/new");
}

/* Three times the store says nothing, at last for that path; then it answers the trial so. */
static void die_and_answer(const char *path, const char *status)
{
    char other[32];
    for (unsigned i = 0; i < 2; i++) {
        uint32_t call = host.n_calls;
        snprintf(other, sizeof(other), "/v1/other%u", i);
        get_file(other);
        host_respond(call, NULL);
        host_respond(call + 1, "404");
    }
    uint32_t call = host.n_calls;
    get_file(path);
    host_respond(call, NULL);
    assert_int_equal(host_counter("archeio_store_down"), 1);
    call = host.n_calls;
    host_pass(2 * HOST_S);
    assert_int_equal(host.n_calls, call + 1);
    host_respond(call, status);
}

/* A client made up the path that is tried: the store will never say anything better of it. */
static void test_a_store_that_was_down_is_up_as_soon_as_it_answers_for_a_path(void **state)
{
    (void)state;
    site_start("wait: 0s");
    die_and_answer("/v1/%00", "500");
    uint32_t call = host.n_calls;
    get_file("/v1/file");
    assert_string_equal(host.call[call].url, "https://eu.test/v1/file");
}

/* What it has had is tried, and is to be there or not. */
static void test_a_store_that_clients_were_sent_to_is_down_until_it_answers_well(void **state)
{
    (void)state;
    site_start("wait: 0s");
    get_file("/v1/file");
    host_respond(0, "200");
    check_redirect(get_file("/v1/file"), 307, "https://eu.test/v1/file");
    die_and_answer("/v1/%00", "500");
    uint32_t call = host.n_calls;
    get_file("/v1/new");
    assert_string_equal(host.call[call].url, "http://us.test:8080/x/v1/new");
}

/* Neither another spelling of a path nor a longer one is the path. */
static void test_each_path_is_a_key_of_its_own(void **state)
{
    (void)state;
    site_start("");
    get_file("/v1/file");
    host_respond(0, "200");
    static const char *const other[] = {"/v1/fil%65", "/v1/file/", "/v1/File", "/v1/file%20"};
    for (uint32_t i = 0; i < N(other); i++) {
        assert_true(site_waits(get_file(other[i])));
        assert_int_equal(host.n_calls, 2 + i);
    }
}

static void test_a_path_that_no_slot_can_hold_is_not_asked_for(void **state)
{
    (void)state;
    static char path[600];
    memset(path, 'a', sizeof(path) - 1);
    path[0] = '/';
    site_start("");
    assert_int_equal(host_answer(get_file(path))->status, 404);
    assert_int_equal(host.n_calls, 0);
    assert_int_equal(host_counter("archeio_heads_refused"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes_look_at_the_first_line_of_a_field),
        cmocka_unit_test(test_the_host_is_a_field_too),
        cmocka_unit_test(test_answers_of_routes_are_plain_text),
        cmocka_unit_test(test_a_path_goes_on_as_it_came),
        cmocka_unit_test(test_an_artifact_is_asked_for_by_its_path_once),
        cmocka_unit_test(test_an_artifact_that_is_absent_comes_from_the_next_store),
        cmocka_unit_test(test_paths_that_a_store_does_not_answer_well_leave_it_up),
        cmocka_unit_test(test_a_store_that_gives_no_answer_for_paths_is_down_until_it_answers),
        cmocka_unit_test(test_a_store_that_was_down_is_up_as_soon_as_it_answers_for_a_path),
        cmocka_unit_test(test_a_store_that_clients_were_sent_to_is_down_until_it_answers_well),
        cmocka_unit_test(test_each_path_is_a_key_of_its_own),
        cmocka_unit_test(test_a_path_that_no_slot_can_hold_is_not_asked_for),
    };
    return cmocka_run_group_tests(tests, build, site_free);
}
