#include "mirror/names.h"

#include "check.h"

#include <stdlib.h>

static void repositories(void **state)
{
    static const char *const good[] = {"a", "library/debian", "a-b_c.d/e--f/0", "K8S/Pause"};
    static const char *const bad[] = {"",     "/a",  "a/",   "a//b", ".",    "..",  "a/../b",
                                      "a/.b", "a b", "a?b",  "a#b",  "a%2f", "a:b", "a@b",
                                      "-a",   "a-",  "a\nb", "ä",    "a\\b", "a;b", "a/./b"};
    char long_name[NAMES_REPOSITORY_MAX + 2];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!names_repository_valid(str_from(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (names_repository_valid(str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
    memset(long_name, 'a', sizeof(long_name));
    assert_true(names_repository_valid(str_make(long_name, NAMES_REPOSITORY_MAX)));
    assert_false(names_repository_valid(str_make(long_name, NAMES_REPOSITORY_MAX + 1)));
    assert_false(names_repository_valid(str_make("a\0b", 3)));
}

static void tags(void **state)
{
    static const char *const good[] = {"latest", "_x", "3.10", "sha256-abc.sig", "A"};
    static const char *const bad[] = {"", ".a", "-a", "a/b", "a:b", "a b", "a?"};
    char long_tag[NAMES_TAG_MAX + 1];
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_true(names_tag_valid(str_from(good[i])));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(names_tag_valid(str_from(bad[i])));
    memset(long_tag, 'a', sizeof(long_tag));
    assert_true(names_tag_valid(str_make(long_tag, NAMES_TAG_MAX)));
    assert_false(names_tag_valid(str_make(long_tag, NAMES_TAG_MAX + 1)));
    assert_false(names_tag_valid(str_make("a\0", 2)));
}

static void hosts(void **state)
{
    static const char *const good[] = {"localhost", "registry.example.com:5000", "127.0.0.1:1",
                                       "[::1]:5000", "[2001:db8::1]"};
    static const char *const bad[] = {"",    ":5000",   "a/b",  "a@b", "user:pw@host",
                                      "a b", "a:70000", "[::1", "a%b", "a,b"};
    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (!names_host_valid(str_from(good[i])))
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (names_host_valid(str_from(bad[i])))
            fail_msg("taken: %s", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(repositories),
        cmocka_unit_test(tags),
        cmocka_unit_test(hosts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
