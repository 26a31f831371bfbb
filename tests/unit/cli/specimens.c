/* Requests that stand for all others: whatever a route looks at, some specimen is what it takes. */
#include "cli/specimens.h"

#include "check.h"
#include "ranges/compile.h"
#include <stdlib.h>
#include <string.h>

static const char site[] =
    "upstream: {endpoint: 'https://registry.test'}\n"
    "stores: [{name: s, url: 'https://s.test', serves: [default]}]\n"
    "routes:\n"
    "  - {name: path, when: {path: /a/b}, to: {status: 403}}\n"
    "  - {name: wild, when: {path: '/w/*/x/**'}, to: {status: 403}}\n"
    "  - {name: base, when: {path: /v2/}, to: {status: 403}}\n"
    "  - {name: host, when: {host: [a.test, b.test]}, to: {status: 403}}\n"
    "  - {name: hostpath, when: {host: c.test, path: ['/x/**', '/y/**']}, to: {status: 403}}\n"
    "  - {name: repo, when: {repository: 'team/**'}, to: {status: 403}}\n"
    "  - {name: segment, when: {repository: 'one-*/app', kind: blob}, to: {status: 403}}\n"
    "  - {name: field, when: {header: {X-A: [1, 2]}, kind: tags}, to: {status: 403}}\n"
    "  - {name: fields, when: {header: {X-B: 'be*', X-C: '3'}, kind: referrers}, to: {status: "
    "403}}\n"
    "  - {name: head, when: {method: HEAD, kind: signature}, to: {status: 403}}\n"
    "  - {name: share, when: {share: 50%, kind: manifest}, to: {status: 403}}\n"
    "  - {name: other, when: {kind: other, host: d.test}, to: {status: 403}}\n"
    "  - {name: all, to: {status: 403}}\n";

struct world {
    struct compile_image image;
    struct specimens list;
};

static int set_up(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    struct diag d = {0};
    struct ranges *ranges = ranges_parse("own.txt", "192.0.2.0/24 aws\n", 17, &d);
    struct config *c = config_parse("site", site, strlen(site), NULL, &d);
    diag_print(&d, stderr);
    assert_non_null(c);
    assert_non_null(ranges);
    assert_true(compile_snapshot(c, ranges, &w->image, &d));
    specimens_add(&w->list, &w->image.snapshot);
    config_free(c);
    ranges_free(ranges);
    diag_clear(&d);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    specimens_release(&w->list);
    compile_release(&w->image);
    free(w);
    return 0;
}

/* How many specimens the route takes, in some variant. */
static unsigned count_taken(struct world *w, uint32_t route)
{
    const struct addr client = check_addr("192.0.2.1");
    struct comparison_side side;
    unsigned n = 0;
    comparison_open(&side, &w->image.snapshot);
    for (size_t i = 0; i < w->list.n; i++) {
        bool taken = false;
        for (uint32_t variant = 0; variant < 20; variant++) {
            specimens_vary(&w->list.one[i], variant);
            comparison_begin(&side, &w->list.one[i].request, &client);
            taken = taken || side.decision.answer.route == route;
        }
        specimens_vary(&w->list.one[i], 0);
        n += taken;
    }
    comparison_close(&side);
    return n;
}

static void every_route_takes_some(void **state)
{
    struct world *w = *state;
    for (uint32_t i = 0; i < w->image.snapshot.n_routes; i++)
        if (count_taken(w, i) == 0) {
            struct str name = snapshot_route(&w->image.snapshot, i).name;
            fail_msg("no specimen for route %.*s", (int)name.len, name.data);
        }
}

static struct specimen *find(const struct world *w, const char *label)
{
    for (size_t i = 0; i < w->list.n; i++)
        if (strcmp(w->list.one[i].label, label) == 0)
            return &w->list.one[i];
    fail_msg("there is no specimen \"%s\"", label);
    return NULL;
}

static void labels_say_what_is_asked_for(void **state)
{
    struct world *w = *state;
    check_str(find(w, "/a/b")->request.target, "/a/b");
    check_str(find(w, "/x/** at c.test")->request.host, "c.test");
    check_str(find(w, "/y/** at c.test")->request.host, "c.test");
    check_str(find(w, "blobs of one-*/app")->request.host, "");
    assert_int_equal(find(w, "tags with x-a: 2")->request.n_fields, 1);
    assert_int_equal(find(w, "referrers with x-b: be with x-c: 3")->request.n_fields, 2);
    assert_int_equal(find(w, "HEAD: signatures")->request.method, DECIDE_HEAD);
    find(w, "blobs");
    find(w, "/v2/_catalog");
}

static void no_request_comes_twice(void **state)
{
    struct world *w = *state;
    const size_t n = w->list.n;
    specimens_add(&w->list, &w->image.snapshot);
    assert_int_equal(w->list.n, n);
    assert_true(w->list.shared);
}

static void variants_differ_and_are_of_the_same_kind(void **state)
{
    struct world *w = *state;
    struct specimen *blobs = find(w, "blobs of team/**");
    char *before = strdup(blobs->target);
    specimens_vary(blobs, 0xabcdef01);
    assert_int_equal(strlen(before), strlen(blobs->target));
    assert_string_equal(blobs->target + strlen(before) - 8, "abcdef01");
    assert_memory_equal(blobs->target, before, strlen(before) - 8);
    free(before);
    assert_int_equal(find(w, "/a/b")->varies, SPECIMENS_NOWHERE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_takes_some),
        cmocka_unit_test(labels_say_what_is_asked_for),
        cmocka_unit_test(no_request_comes_twice),
        cmocka_unit_test(variants_differ_and_are_of_the_same_kind),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
