#include "mirror/link.h"

#include "check.h"

#define ORIGIN "https://r.example:5000"
#define URL ORIGIN "/v2/_catalog?n=1000"

static void check_next(const char *value, const char *expected)
{
    struct str target = STR("");
    if (!link_next(str_from(value), &target))
        fail_msg("nothing next: %s", value);
    check_str(target, expected);
}

static void the_next_link_is_found_wherever_it_stands(void **state)
{
    (void)state;
    check_next("</a?n=1>; rel=\"next\"", "/a?n=1");
    check_next("<a>;rel=next", "a");
    check_next("  ,, <a> ; title=\"x, <b>; rel=next\" ; REL = \"last Next\"", "a");
    check_next("<a>; rel=\"prev\", <b>; rel=\"next\"", "b");
    check_next("<a>; rel=prev; x, <b>; rel=next, <c>; rel=next", "b");
    check_next("<>; rel=next", "");
}

static void other_links_and_malformed_ones_are_none(void **state)
{
    static const char *const rows[] = {
        "",
        "</a>",
        "</a>; rel=\"prev\"",
        "</a>; rel=\"next2\"",
        "</a>; title=\"next\"",
        "</a rel=\"next\"",
        "/a; rel=\"next\"",
        "<a> x; rel=\"next\"",
        "<a>; rel",
        "<a>; rel=",
        "<a>; rel=\"next",
        "<a>; x=y z, <b>; rel=next",
    };
    struct str target;
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (link_next(str_from(rows[i]), &target))
            fail_msg("a next one: %s", rows[i]);
}

static void check_resolved(const char *target, enum link_result result, const char *expected)
{
    char out[64] = "";
    enum link_result got = link_resolve(STR(ORIGIN), STR(URL), str_from(target), out, sizeof(out));
    if (got != result)
        fail_msg("%s: %d", target, (int)got);
    if (result == LINK_OK)
        assert_string_equal(out, expected);
}

static void targets_are_resolved_on_the_same_server(void **state)
{
    (void)state;
    check_resolved("/v2/x?last=1", LINK_OK, ORIGIN "/v2/x?last=1");
    check_resolved("?last=1", LINK_OK, ORIGIN "/v2/_catalog?last=1");
    check_resolved("x?last=a:b", LINK_OK, ORIGIN "/v2/x?last=a:b");
    check_resolved("HTTPS://R.example:5000/x", LINK_OK, "HTTPS://R.example:5000/x");
    check_resolved("//r.example:5000/x", LINK_OK, ORIGIN "/x");
}

static void other_servers_are_told(void **state)
{
    (void)state;
    check_resolved("https://other.example/x", LINK_ELSEWHERE, NULL);
    check_resolved("http://r.example:5000/x", LINK_ELSEWHERE, NULL);
    check_resolved("https://r.example:50001/x", LINK_ELSEWHERE, NULL);
    check_resolved("https://r.example:5000", LINK_ELSEWHERE, NULL);
    check_resolved("https://r.example:5000@other.example/", LINK_ELSEWHERE, NULL);
    check_resolved("//other.example/x", LINK_ELSEWHERE, NULL);
    check_resolved("mailto:x", LINK_ELSEWHERE, NULL);
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    check_resolved("", LINK_BAD, NULL);
    check_resolved("/a b", LINK_BAD, NULL);
    check_resolved("/a\x1b[2J", LINK_BAD, NULL);
    check_resolved("/a#b", LINK_BAD, NULL);
    check_resolved("\\\\other.example/x", LINK_BAD, NULL);
    check_resolved("/0123456789012345678901234567890123456789", LINK_OK,
                   ORIGIN "/0123456789012345678901234567890123456789");
    check_resolved("/01234567890123456789012345678901234567890", LINK_BAD, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_link_is_found_wherever_it_stands),
        cmocka_unit_test(other_links_and_malformed_ones_are_none),
        cmocka_unit_test(targets_are_resolved_on_the_same_server),
        cmocka_unit_test(other_servers_are_told),
        cmocka_unit_test(what_is_no_url_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
