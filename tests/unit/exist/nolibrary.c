/* Where libcurl is not installed: nothing fails but the questions. */
#include "questions.h"

#include "client/fetch.h"

#include <dlfcn.h>

/* In place of the C library's. */
void *dlopen(const char *file, int mode)
{
    (void)file;
    (void)mode;
    return NULL;
}

char *dlerror(void)
{
    static char text[] = "libcurl.so.4: cannot open shared object file";
    return text;
}

static void every_question_is_answered_with_an_error(void **state)
{
    (void)state;
    struct exist *e = questions_new(&QUESTIONS_OPTIONS);
    uint32_t store = exist_store(e, STR("http://127.0.0.1:1/"));
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(questions_ask(e, store, i), EXIST_ERROR);
        assert_int_equal(questions_lookup(e, store, i), EXIST_MISS);
    }
    assert_false(questions_is_down(e, store));
    exist_free(e);
}

static void a_head_and_a_fetch_say_what_to_install(void **state)
{
    (void)state;
    char error[256] = "";
    struct fetch_response response;
    const struct fetch_request request = {.url = "http://127.0.0.1:1/", .max_bytes = 1};
    const char *why = NULL;
    assert_int_equal(exist_head("http://127.0.0.1:1/", CLOCK_S, error), EXIST_ERROR);
    assert_non_null(strstr(error, "libcurl4"));
    error[0] = '\0';
    assert_false(fetch_get(&request, &response, error));
    assert_non_null(strstr(error, "libcurl4"));
    assert_false(fetch_init(&why));
    assert_non_null(strstr(why, "libcurl.so.4"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_question_is_answered_with_an_error),
        cmocka_unit_test(a_head_and_a_fetch_say_what_to_install),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
