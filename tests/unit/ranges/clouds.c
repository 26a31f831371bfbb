/* Clouds that the configuration names and that nobody brings. */
#include "ranges/clouds.h"

#include "said.h"

#define OWN "upstream: {endpoint: 'https://r.example'}\n"
#define ROUTE "routes:\n- {name: a, to: upstream, when: {"

/* What is said of a configuration, with a file of the user's own (free() it). */
static char *said_of(const char *text, const char *own)
{
    static char *const none[] = {NULL};
    struct diag d = {0};
    struct ranges *r = ranges_parse("own.txt", own, strlen(own), &d);
    struct config *c = config_parse("f", text, strlen(text), none, &d);
    assert_non_null(r);
    assert_non_null(c);
    assert_int_equal(d.n, 0);
    clouds_check(c, r, &d);
    assert_int_equal(d.n_errors, 0);
    char *said = said_by(&d);
    diag_clear(&d);
    config_free(c);
    ranges_free(r);
    return said;
}

static void assert_says(const char *text, const char *own, const char *expected)
{
    char *said = said_of(text, own);
    if (expected[0] == '\0' ? said[0] != '\0' : strstr(said, expected) == NULL)
        fail_msg("%s\nsaid: %s\nexpected: %s", text, said, expected);
    free(said);
}

static void clouds_that_nobody_brings_are_warned_of(void **state)
{
    (void)state;
    static const char own[] = "192.0.2.0/24 office\n";
    static const char *const rows[][2] = {
        {"upstream: {blobs_for: [oracle]}\n",
         "f:1:24: warning: no ranges bring the cloud \"oracle\"; name its networks in a file of "
         "your own (*.txt) in ranges.directory"},
        {"stores:\n- {name: a, url: 'https://a', serves: [asw/x]}\n", "did you mean \"aws\"?"},
        {"stores:\n- {name: a, url: 'https://a', serves: [defualt]}\n",
         "did you mean \"default\"?"},
        {"providers: {amazon: [aws, asw]}\n" OWN,
         "f:1:27: warning: no ranges bring the cloud \"asw\"; did you mean \"aws\"?"},
        {OWN ROUTE "cloud: [aws, oracle]}}\n",
         "f:3:47: warning: no ranges bring the cloud \"oracle\"; name"},
        {OWN ROUTE "region: asw/x}}\n", "did you mean \"aws\"?"},
        {OWN ROUTE "cloud: default}}\n", "no ranges bring the cloud \"default\"; name"},
        {OWN ROUTE "cloud: [aws, gcp, azure], region: [aws/x, y]}}\n", ""},
        {"stores:\n- {name: a, url: 'https://a', serves: [default, aws/x]}\n", ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_says(rows[i][0], own, rows[i][1]);
}

static void nothing_is_said_of_clouds_that_a_file_brings(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "upstream: {blobs_for: [asw/berlin, oracle]}\n",
        "stores:\n- {name: a, url: 'https://a', serves: [asw/x, oracle]}\n",
        "providers: {mine: [asw, oracle]}\n" OWN,
        OWN ROUTE "cloud: [asw, oracle], region: asw/berlin}}\n",
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_says(rows[i], "192.0.2.0/24 asw berlin\n2001:db8::/32 oracle\n", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clouds_that_nobody_brings_are_warned_of),
        cmocka_unit_test(nothing_is_said_of_clouds_that_a_file_brings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
