#include "mirror/listing.h"

#include "check.h"

static char seen[2048];
static size_t most; /* names that are wanted */

static bool note(void *owner, enum listing_member member, struct str name)
{
    static const char *const short_name[] = {"r", "t", "c", "m"};
    (void)owner;
    snprintf(seen + strlen(seen), sizeof(seen) - strlen(seen), "%s=%.*s ", short_name[member],
             (int)name.len, name.data);
    return --most > 0;
}

/* In pieces of so many bytes. */
static bool read_in(struct listing *l, const char *text, size_t piece)
{
    struct str rest = str_from(text);
    listing_begin(l, note, NULL);
    seen[0] = '\0';
    most = 100;
    while (rest.len > 0) {
        struct str some = str_make(rest.data, rest.len < piece ? rest.len : piece);
        if (!listing_feed(l, some))
            return false;
        rest = str_skip(rest, some.len);
    }
    return listing_is_whole(l);
}

static void names_are_found_however_the_bytes_come(void **state)
{
    (void)state;
    static const char text[] =
        " {\"child\" : [ \"x\",\"y\\/z\" ], "
        "\"manifest\":{\"sha256:1\":{\"tag\":[\"no\"],\"n\":-1.5e3},"
        "\"sha256:2\":{}}, "
        "\"name\":\"n\",\"tags\":[\"t\",\"u\"],\"repositories\":[],\n\"more\":[[\"no\"],"
        "{\"tags\":[\"no\"]}]} ";
    struct listing l;
    for (size_t piece = 1; piece <= sizeof(text); piece++) {
        assert_true(read_in(&l, text, piece));
        assert_string_equal(seen, "c=x c=y/z m=sha256:1 m=sha256:2 t=t t=u ");
        assert_int_equal(l.found & 15, 15);
    }
}

static void a_page_that_is_cut_anywhere_is_not_whole(void **state)
{
    (void)state;
    static const char text[] = "{\"tags\":[\"a\\u0041\",1,null],\"manifest\":{\"b\":{}}}";
    struct listing l;
    char cut[sizeof(text)];
    for (size_t n = 0; n + 1 < sizeof(text); n++) {
        memcpy(cut, text, n);
        cut[n] = '\0';
        assert_false(read_in(&l, cut, 7));
    }
    assert_true(read_in(&l, text, 7));
}

static void what_is_no_json_object_is_refused(void **state)
{
    (void)state;
    static const char *const text[] = {
        "[]",
        "\"tags\"",
        "1",
        "{\"tags\"}",
        "{\"tags\":[\"a\" \"b\"]}",
        "{tags:[]}",
        "{\"tags\":[,]}",
        "{\"tags\":]}",
        "{\"tags\":[\"a\"}",
        "{\"tags\":[]}}",
        "{\"a\":[]},{}",
        "{\"a\\x\":1}",
        "{\"a\\u00g0\":1}",
        "{\"a\n\":1}",
        "<html>",
    };
    struct listing l;
    for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++)
        assert_false(read_in(&l, text[i], 100));
}

static void members_of_another_kind_are_not_found(void **state)
{
    (void)state;
    struct listing l;
    assert_true(read_in(&l, "{\"errors\":[{\"code\":\"DENIED\"}],\"x\":{\"tags\":[\"a\"]}}", 100));
    assert_int_equal(l.found & 15, 0);
    assert_true(read_in(&l, "{\"tags\":\"latest\",\"manifest\":[\"a\"],\"child\":{\"b\":1}}", 100));
    assert_int_equal(l.found & 15, 0);
    assert_string_equal(seen, "");
    assert_true(read_in(&l, "{\"tags\":null}", 100));
    assert_int_equal(l.found & 15, 1U << LISTING_TAGS);
}

static void what_cannot_be_a_name_is_passed_over(void **state)
{
    (void)state;
    struct listing l;
    char text[2 * LISTING_NAME_MAX] = "{\"tags\":[\"";
    memset(text + strlen(text), 'a', LISTING_NAME_MAX + 1);
    strcat(text, "\",\"b\\n\",\"\\u0063\",\"d\"]}");
    assert_true(read_in(&l, text, 1000));
    assert_string_equal(seen, "t=d ");
}

static void it_ends_where_no_more_is_wanted_and_where_it_is_too_deep(void **state)
{
    (void)state;
    struct listing l;
    char deep[1000] = "{\"a\":";
    memset(deep + strlen(deep), '[', 500);
    assert_false(read_in(&l, deep, 1000));
    assert_false(l.ended);
    listing_begin(&l, note, NULL);
    seen[0] = '\0';
    most = 2;
    assert_false(listing_feed(&l, STR("{\"tags\":[\"a\",\"b\",\"c\"]}")));
    assert_true(l.ended);
    assert_string_equal(seen, "t=a t=b ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found_however_the_bytes_come),
        cmocka_unit_test(a_page_that_is_cut_anywhere_is_not_whole),
        cmocka_unit_test(what_is_no_json_object_is_refused),
        cmocka_unit_test(members_of_another_kind_are_not_found),
        cmocka_unit_test(what_cannot_be_a_name_is_passed_over),
        cmocka_unit_test(it_ends_where_no_more_is_wanted_and_where_it_is_too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
