#include "ranges/source.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define OFFICIAL "https://www.microsoft.com/en-us/download/details.aspx?id=56519"
#define HOST "https://download.microsoft.com/"

static void assert_link(const char *url, const char *page, const char *expected)
{
    char link[SOURCE_URL_MAX] = "";
    assert_int_equal(source_find_link(url, str_from(page), link), expected != NULL);
    assert_string_equal(link, expected != NULL ? expected : "");
}

static void the_first_service_tags_link_on_microsofts_download_host_is_taken(void **state)
{
    (void)state;
    assert_link(OFFICIAL,
                "<a href=\"" HOST "x/Other.json\"><a href='" HOST
                "download/7/1/d/ServiceTags_Public_20260727.json' >" HOST
                "ServiceTags_Public_20260101.json",
                HOST "download/7/1/d/ServiceTags_Public_20260727.json");
    assert_link(OFFICIAL, HOST "a/ServiceTags_Public_1.json", HOST "a/ServiceTags_Public_1.json");
}

static void no_other_link_is(void **state)
{
    (void)state;
    assert_link(OFFICIAL, "", NULL);
    assert_link(OFFICIAL, HOST, NULL);
    assert_link(OFFICIAL, "http://download.microsoft.com/ServiceTags_Public_1.json", NULL);
    assert_link(OFFICIAL, "https://evil.example/ServiceTags_Public_1.json", NULL);
    assert_link(OFFICIAL, "https://download.microsoft.com.evil.example/ServiceTags_Public_1.json",
                NULL);
    assert_link(OFFICIAL, "https://www.microsoft.com/ServiceTags_Public_1.json", NULL);
    assert_link(OFFICIAL, HOST "a@evil.example/ServiceTags_Public_1.json", NULL);
    assert_link(OFFICIAL, HOST "ServiceTags_Public_1.json.exe", NULL);
    assert_link(OFFICIAL, HOST "x\"ServiceTags_Public_1.json", NULL);
    assert_link(OFFICIAL, HOST "ServiceTags_AzureGovernment_1.json", NULL);
}

static void a_link_that_is_too_long_is_not_taken(void **state)
{
    (void)state;
    char page[SOURCE_URL_MAX + 128] = HOST;
    size_t at = strlen(page);
    memset(page + at, 'x', SOURCE_URL_MAX - at);
    strcpy(page + SOURCE_URL_MAX, "/ServiceTags_Public_1.json");
    assert_link(OFFICIAL, page, NULL);
}

static void a_mirrors_page_may_link_to_its_own_host(void **state)
{
    (void)state;
    assert_link("https://mirror.example:8443/page",
                "https://mirror.example/ServiceTags_Public_1.json "
                "https://mirror.example:8443/x/ServiceTags_Public_2.json",
                "https://mirror.example:8443/x/ServiceTags_Public_2.json");
    assert_link("https://mirror.example", "https://mirror.example/ServiceTags_Public_1.json", NULL);
    assert_link("http://mirror.example/", "http://mirror.example/ServiceTags_Public_1.json", NULL);
}

static void an_address_in_the_environment_takes_the_tables_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        const struct source *s = &source_table[i];
        unsetenv(s->variable);
        assert_string_equal(source_url(s), s->url);
        setenv(s->variable, "", 1);
        assert_string_equal(source_url(s), s->url);
        setenv(s->variable, "https://mirror.example/x", 1);
        assert_string_equal(source_url(s), "https://mirror.example/x");
        unsetenv(s->variable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_service_tags_link_on_microsofts_download_host_is_taken),
        cmocka_unit_test(no_other_link_is),
        cmocka_unit_test(a_link_that_is_too_long_is_not_taken),
        cmocka_unit_test(a_mirrors_page_may_link_to_its_own_host),
        cmocka_unit_test(an_address_in_the_environment_takes_the_tables_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
