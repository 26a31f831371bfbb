/* What is counted of answers, and under which names it lives on when the snapshot is gone. */
#include "server/counters.h"

#include "check.h"
#include "policy/policy.h"

#include <stdlib.h>

static const struct policy_place everywhere = {STR_INIT(""), STR_INIT("")};
static const struct policy_store stores[] = {
    {STR_INIT("one"), STR_INIT("https://one.test"), &everywhere, 1, false},
    {STR_INIT("two"), STR_INIT("https://two.test"), &everywhere, 1, false},
};
static const struct policy_target to_stores[] = {{.kind = SNAPSHOT_TARGET_STORES}};

struct site {
    struct snapshot snapshot;
    void *image;
    uint64_t *numbers;
    struct counters_answered answered;
};

/* Two stores, and routes with these names. */
static void open_site(struct site *s, const char *const *names, size_t n)
{
    struct policy_route *routes = calloc(n + 1, sizeof(*routes));
    for (size_t i = 0; i < n; i++)
        routes[i] = (struct policy_route){
            .name = str_from(names[i]), .share = POLICY_ALL, .targets = to_stores, .n_targets = 1};
    const struct policy p = {
        .info_page = STR("https://info.test"),
        .privacy_page = STR("https://privacy.test"),
        .upstream_endpoint = STR("https://upstream.test"),
        .stores = stores,
        .n_stores = 2,
        .routes = routes,
        .n_routes = n,
    };
    const char *why = NULL;
    void *scratch = malloc(policy_scratch_size(&p));
    size_t bound = policy_image_bound(&p, scratch, &why);
    assert_null(why);
    s->image = malloc(bound);
    size_t size = policy_build(&p, scratch, s->image);
    assert_null(snapshot_open(&s->snapshot, s->image, size));
    s->numbers = calloc(counters_answered_size(&s->snapshot), sizeof(*s->numbers));
    s->answered = counters_answered_at(s->numbers, &s->snapshot);
    free(scratch);
    free(routes);
}

static void close_site(struct site *s)
{
    free(s->numbers);
    free(s->image);
}

static void answer(struct site *s, enum decide_step step, unsigned status, uint32_t store,
                   uint32_t route)
{
    const struct decide_answer a = {
        .status = (uint16_t)status, .step = (uint8_t)step, .store = store, .route = route};
    counters_answer(&s->answered, &a);
}

static uint64_t number_of(const struct counters_named *named, const char *name)
{
    for (size_t i = 0; i < named->n; i++)
        if (strcmp(named->row[i].name, name) == 0)
            return named->row[i].n;
    return 0;
}

static uint64_t status_of(const struct counters_total *total, unsigned status)
{
    for (unsigned i = 0; i < COUNTERS_ROUTE_STATUSES; i++)
        if (counters_route_status(i) == status)
            return total->status[i];
    return 0;
}

static void every_status_of_a_route_has_a_row_of_its_own(void **state)
{
    (void)state;
    static const char *const names[] = {"a"};
    struct site s;
    open_site(&s, names, 1);
    static const unsigned others[] = {200, 301, 302, 307, 308, 503};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        answer(&s, DECIDE_ROUTE, others[i], DECIDE_NO_STORE, 0);
    for (unsigned status = 400; status < 500; status++)
        answer(&s, DECIDE_ROUTE, status, DECIDE_NO_STORE, 0);
    struct counters_total total = {0};
    assert_true(counters_total_add(&total, &s.answered, &s.snapshot));
    for (unsigned i = 0; i < COUNTERS_ROUTE_STATUSES; i++)
        assert_int_equal(total.status[i], 1);
    for (unsigned status = 0, row = 0; status < 1000; status++)
        if (snapshot_status_redirects(status) || snapshot_status_answers(status))
            assert_true(row++ < COUNTERS_ROUTE_STATUSES && status_of(&total, status) == 1);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_int_equal(status_of(&total, others[i]), 1);
    assert_int_equal(status_of(&total, 451), 1);
    assert_int_equal(number_of(&total.routes, "a"), COUNTERS_ROUTE_STATUSES);
    counters_total_clear(&total);
    close_site(&s);
}

/* A route whose targets have come to nothing has still taken the request. */
static void what_leads_to_a_store_is_counted_once_with_it(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b"};
    struct site s;
    struct counters_total total = {0};
    open_site(&s, names, 2);
    answer(&s, DECIDE_ROUTE, 307, 1, 0);
    answer(&s, DECIDE_ROUTE, 307, DECIDE_NO_STORE, 0);
    answer(&s, DECIDE_R13, 307, DECIDE_NO_STORE, 1);
    answer(&s, DECIDE_R12, 307, 1, DECIDE_NO_ROUTE);
    assert_true(counters_total_add(&total, &s.answered, &s.snapshot));
    assert_int_equal(number_of(&total.route_stores, "two"), 1);
    assert_int_equal(status_of(&total, 307), 1);
    assert_int_equal(number_of(&total.stores, "two"), 1);
    assert_int_equal(total.step[DECIDE_R13], 1);
    assert_int_equal(number_of(&total.routes, "a"), 2);
    assert_int_equal(number_of(&total.routes, "b"), 1);
    counters_total_clear(&total);
    close_site(&s);
}

static void without_routes_there_are_no_numbers_of_them(void **state)
{
    (void)state;
    static const char *const names[] = {"a"};
    struct site with, without;
    open_site(&with, names, 1);
    open_site(&without, NULL, 0);
    assert_null(without.answered.route);
    assert_true(counters_answered_size(&without.snapshot) < COUNTERS_ROUTE_STATUSES);
    assert_true(counters_answered_size(&with.snapshot) > COUNTERS_STEPS + COUNTERS_ROUTE_STATUSES);
    struct counters_total total = {0};
    assert_true(counters_total_add(&total, &without.answered, &without.snapshot));
    assert_int_equal(total.routes.n, 0);
    close_site(&without);
    close_site(&with);
}

static void routes_of_many_configurations_leave_one_row(void **state)
{
    (void)state;
    struct counters_total total = {0};
    static const char *const last[] = {"stays", "other"};
    for (int i = 0; i < 100; i++) {
        char name[16];
        struct site s;
        snprintf(name, sizeof(name), "r%d", i);
        const char *const names[] = {"stays", name};
        open_site(&s, names, 2);
        answer(&s, DECIDE_ROUTE, 404, DECIDE_NO_STORE, 0);
        answer(&s, DECIDE_ROUTE, 404, DECIDE_NO_STORE, 1);
        assert_true(counters_total_add(&total, &s.answered, &s.snapshot));
        counters_total_forget_routes(&total, &s.snapshot);
        assert_true(total.routes.n <= 3);
        close_site(&s);
    }
    struct site s;
    open_site(&s, last, 2);
    counters_total_forget_routes(&total, &s.snapshot);
    assert_int_equal(total.routes.n, 2);
    assert_int_equal(number_of(&total.routes, "stays"), 100);
    assert_int_equal(number_of(&total.routes, ""), 100);
    counters_total_clear(&total);
    close_site(&s);
}

static void sums_under_the_same_names_become_one(void **state)
{
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    struct site s;
    struct counters_total all = {0}, more = {0};
    open_site(&s, names, 3);
    answer(&s, DECIDE_ROUTE, 410, DECIDE_NO_STORE, 0);
    answer(&s, DECIDE_ROUTE, 307, 0, 2);
    answer(&s, DECIDE_R12, 307, 0, DECIDE_NO_ROUTE);
    assert_true(counters_total_add(&all, &s.answered, &s.snapshot));
    answer(&s, DECIDE_ROUTE, 410, DECIDE_NO_STORE, 1);
    assert_true(counters_total_add(&more, &s.answered, &s.snapshot));
    assert_true(counters_total_merge(&all, &more));
    assert_int_equal(all.routes.n, 3);
    assert_int_equal(number_of(&all.routes, "a"), 2);
    assert_int_equal(number_of(&all.routes, "b"), 1);
    assert_int_equal(number_of(&all.routes, "c"), 2);
    assert_int_equal(number_of(&all.stores, "one"), 2);
    assert_int_equal(number_of(&all.route_stores, "one"), 2);
    assert_int_equal(status_of(&all, 410), 3);
    assert_int_equal(all.step[DECIDE_R12], 2);
    counters_total_clear(&more);
    counters_total_clear(&all);
    close_site(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_of_a_route_has_a_row_of_its_own),
        cmocka_unit_test(what_leads_to_a_store_is_counted_once_with_it),
        cmocka_unit_test(without_routes_there_are_no_numbers_of_them),
        cmocka_unit_test(routes_of_many_configurations_leave_one_row),
        cmocka_unit_test(sums_under_the_same_names_become_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
