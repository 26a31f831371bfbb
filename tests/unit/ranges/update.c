#include "ranges/update.h"

#include "directory.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#define PREFIX(n) "{\"ipv4Prefix\":\"10.0." #n ".0/24\",\"scope\":\"x\"}"
#define FILE_OF(prefixes) "{\"syncToken\":\"1000000000000\",\"prefixes\":[" prefixes "]}"
#define TEN                                                                                        \
    PREFIX(0)                                                                                      \
    "," PREFIX(1) "," PREFIX(2) "," PREFIX(3) "," PREFIX(4) "," PREFIX(5) "," PREFIX(              \
        6) "," PREFIX(7) "," PREFIX(8) "," PREFIX(9)
#define EIGHT                                                                                      \
    PREFIX(0)                                                                                      \
    "," PREFIX(1) "," PREFIX(2) "," PREFIX(3) "," PREFIX(4) "," PREFIX(5) "," PREFIX(              \
        6) "," PREFIX(7)
#define SEVEN                                                                                      \
    PREFIX(0) "," PREFIX(1) "," PREFIX(2) "," PREFIX(3) "," PREFIX(4) "," PREFIX(5) "," PREFIX(6)
#define TAGS                                                                                       \
    "{\"values\":[{\"name\":\"AzureCloud.x\",\"properties\":{\"region\":\"x\","                    \
    "\"addressPrefixes\":[\"10.0.0.0/24\"]}}]}"
#define NAME "gcp-cloud.json"
#define LINK "https://download.microsoft.com/a/ServiceTags_Public_1.json"

enum { AWS, GCP, AZURE };

/* The server: what it answers next, and what it was asked last. */
static struct {
    const char *body, *second_body; /* NULL: no answer comes */
    long status;
    const char *etag;
    int asked;
    char url[SOURCE_URL_MAX];
    char condition[256];
    int64_t since;
} server;

static bool answer(const struct fetch_request *request, struct fetch_response *response,
                   char error[256])
{
    const char *body = server.asked++ > 0 && server.second_body ? server.second_body : server.body;
    assert_true(request->https_only);
    assert_true(request->max_bytes > 0 && request->timeout_ms > 0);
    snprintf(server.url, sizeof(server.url), "%s", request->url);
    snprintf(server.condition, sizeof(server.condition), "%s", request->etag ? request->etag : "");
    server.since = request->modified_since;
    if (body == NULL) {
        snprintf(error, 256, "timed out");
        return false;
    }
    *response = (struct fetch_response){.status = server.status, .modified = 900000000};
    response->body = strdup(body);
    response->len = strlen(body);
    if (server.etag != NULL)
        snprintf(response->etag, sizeof(response->etag), "%s", server.etag);
    return true;
}

void fetch_release(struct fetch_response *response)
{
    free(response->body);
    response->body = NULL;
}

bool fetch_get(const struct fetch_request *request, struct fetch_response *response,
               char error[256])
{
    return answer(request, response, error);
}

static struct directory dir;
static struct state_entry entry;

static int make(void **state)
{
    (void)state;
    directory_make(&dir);
    memset(&entry, 0, sizeof(entry));
    for (size_t i = 0; i < SOURCE_COUNT; i++)
        unsetenv(source_table[i].variable);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    directory_remove(&dir);
    return 0;
}

static struct update_result update(size_t source, const char *body, long status)
{
    const struct update_options options = {.directory = dir.path, .max_shrink = 20, .get = answer};
    struct update_result result;
    server.body = body;
    server.status = status;
    server.asked = 0;
    update_source(source, &options, NULL, &entry, &result);
    return result;
}

/* The file's content, or "" where there is none. */
static const char *content(const char *name)
{
    static char text[4096];
    FILE *f = fopen(directory_file(&dir, name), "r");
    size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
    text[n] = '\0';
    if (f != NULL)
        fclose(f);
    return text;
}

static void assert_failed(struct update_result *result, const char *why)
{
    assert_int_equal(result->outcome, UPDATE_FAILED);
    assert_null(result->after);
    if (strstr(result->error, why) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", result->error, why);
    update_release(result);
}

static void a_file_that_is_not_there_is_fetched_and_written(void **state)
{
    (void)state;
    struct stat st;
    struct update_result result = update(GCP, FILE_OF(TEN), 200);
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    assert_null(result.before);
    assert_int_equal(result.after->n_ranges, 10);
    assert_false(result.unwritten);
    assert_string_equal(content(NAME), FILE_OF(TEN));
    assert_int_equal(stat(dir.file, &st), 0);
    assert_int_equal(st.st_mtime, 900000000);
    assert_string_equal(server.condition, "");
    assert_true(entry.checked > 0);
    assert_string_equal(entry.url, source_table[GCP].url);
    update_release(&result);
}

static void the_second_time_the_server_is_asked_for_something_newer(void **state)
{
    (void)state;
    server.etag = "\"v1\"";
    struct update_result result = update(GCP, FILE_OF(TEN), 200);
    update_release(&result);
    entry.checked = 1;
    result = update(GCP, "", 304);
    assert_int_equal(result.outcome, UPDATE_CURRENT);
    assert_string_equal(server.condition, "\"v1\"");
    assert_int_equal(server.since, 900000000);
    assert_true(entry.checked > 1);
    assert_string_equal(content(NAME), FILE_OF(TEN));
    update_release(&result);
    server.etag = NULL;
}

static void no_condition_is_sent_for_a_file_that_is_not_the_one_fetched(void **state)
{
    (void)state;
    server.etag = "\"v1\"";
    struct update_result result = update(GCP, FILE_OF(TEN), 200);
    update_release(&result);
    directory_write(&dir, NAME, FILE_OF(EIGHT));
    result = update(GCP, FILE_OF(TEN), 200);
    assert_string_equal(server.condition, "");
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    update_release(&result);
    setenv(source_table[GCP].variable, "https://mirror.example/gcp", 1);
    result = update(GCP, FILE_OF(TEN), 200);
    assert_string_equal(server.url, "https://mirror.example/gcp");
    assert_string_equal(server.condition, "");
    assert_int_equal(result.outcome, UPDATE_CURRENT);
    assert_null(result.after);
    update_release(&result);
    server.etag = NULL;
}

static void what_is_no_ranges_file_is_refused_and_the_old_one_stays(void **state)
{
    (void)state;
    static const char *const bodies[] = {"", "<html>", "{}", "{\"prefixes\":[", FILE_OF(""), TAGS};
    directory_write(&dir, NAME, FILE_OF(TEN));
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct update_result result = update(GCP, bodies[i], 200);
        assert_failed(&result, source_table[GCP].url);
        assert_string_equal(content(NAME), FILE_OF(TEN));
        assert_int_equal(entry.checked, 0);
    }
}

static void answers_other_than_200_are_failures(void **state)
{
    (void)state;
    static const long statuses[] = {204, 301, 304, 404, 500};
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct update_result result = update(GCP, FILE_OF(TEN), statuses[i]);
        assert_failed(&result, "the server answered");
        assert_string_equal(content(NAME), "");
    }
    struct update_result result = update(GCP, NULL, 0);
    assert_failed(&result, "timed out");
}

static void a_loss_of_max_shrink_is_taken_and_one_more_is_refused(void **state)
{
    (void)state;
    directory_write(&dir, NAME, FILE_OF(TEN));
    struct update_result result = update(GCP, FILE_OF(SEVEN), 200);
    assert_failed(&result, "ranges.max_shrink");
    assert_string_equal(content(NAME), FILE_OF(TEN));
    result = update(GCP, FILE_OF(EIGHT), 200);
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    assert_string_equal(content(NAME), FILE_OF(EIGHT));
    update_release(&result);
}

static void only_https_addresses_are_fetched(void **state)
{
    (void)state;
    static char too_long[SOURCE_URL_MAX + 16];
    memset(too_long, 'x', sizeof(too_long) - 1);
    memcpy(too_long, "https://", 8);
    setenv(source_table[AWS].variable, "http://plain.example/", 1);
    struct update_result result = update(AWS, FILE_OF(TEN), 200);
    assert_failed(&result, "only https:// addresses");
    setenv(source_table[AWS].variable, too_long, 1);
    result = update(AWS, FILE_OF(TEN), 200);
    assert_failed(&result, "too long");
    assert_int_equal(server.asked, 0);
}

static void azures_page_is_followed_to_the_file(void **state)
{
    (void)state;
    server.second_body = TAGS;
    struct update_result result = update(AZURE, "<a href=\"" LINK "\">", 200);
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    assert_string_equal(server.url, LINK);
    assert_string_equal(entry.url, LINK);
    assert_string_equal(content("azure-service-tags.json"), TAGS);
    update_release(&result);
    result = update(AZURE, "<p>nothing here</p>", 200);
    assert_failed(&result, "no link to a Service Tags file");
    server.second_body = NULL;
    setenv(source_table[AZURE].variable, "https://mirror.example/tags.json", 1);
    result = update(AZURE, "\n" TAGS, 200);
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    assert_string_equal(entry.url, "https://mirror.example/tags.json");
    update_release(&result);
}

static void where_nothing_can_be_written_memory_holds_it_if_that_was_asked_for(void **state)
{
    (void)state;
    struct update_options options = {
        .directory = "/dev/null/ranges", .max_shrink = 20, .get = answer};
    struct update_result result;
    server.body = FILE_OF(TEN);
    server.status = 200;
    update_source(GCP, &options, NULL, &entry, &result);
    assert_failed(&result, "cannot be written");
    options.keep_in_memory = true;
    update_source(GCP, &options, NULL, &entry, &result);
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    assert_true(result.unwritten);
    assert_non_null(strstr(result.error, "cannot be written"));
    struct ranges *held = result.after;
    result.after = NULL;
    update_release(&result);
    server.body = FILE_OF(SEVEN);
    update_source(GCP, &options, held, &entry, &result);
    assert_failed(&result, "ranges.max_shrink");
    ranges_free(held);
}

static void what_is_held_is_written_once_the_directory_can_be_written(void **state)
{
    (void)state;
    struct update_options options = {
        .directory = "/dev/null/ranges", .max_shrink = 20, .keep_in_memory = true, .get = answer};
    struct update_result first, result;
    server.etag = "\"v1\"";
    server.body = FILE_OF(TEN);
    server.status = 200;
    update_source(GCP, &options, NULL, &entry, &first);
    assert_true(first.unwritten);
    server.status = 304;
    update_source(GCP, &options, first.after, &entry, &result);
    assert_int_equal(result.outcome, UPDATE_CURRENT);
    assert_string_equal(server.condition, "\"v1\"");
    update_release(&result);
    options.directory = dir.path;
    server.status = 200;
    update_source(GCP, &options, first.after, &entry, &result);
    assert_int_equal(result.outcome, UPDATE_CHANGED);
    assert_false(result.unwritten);
    assert_string_equal(server.condition, "");
    assert_string_equal(content(NAME), FILE_OF(TEN));
    update_release(&result);
    update_release(&first);
    server.etag = NULL;
}

static void a_failure_says_whether_there_is_older_data(void **state)
{
    (void)state;
    struct update_result result = update(GCP, NULL, 0);
    assert_int_equal(result.outcome, UPDATE_FAILED);
    assert_string_equal(result.kept, "and there is no older data");
    update_release(&result);
    directory_write(&dir, NAME, FILE_OF(TEN));
    result = update(GCP, NULL, 0);
    assert_string_equal(result.kept, "the old data stays");
    update_release(&result);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_not_there_is_fetched_and_written),
        TEST(the_second_time_the_server_is_asked_for_something_newer),
        TEST(no_condition_is_sent_for_a_file_that_is_not_the_one_fetched),
        TEST(what_is_no_ranges_file_is_refused_and_the_old_one_stays),
        TEST(answers_other_than_200_are_failures),
        TEST(a_loss_of_max_shrink_is_taken_and_one_more_is_refused),
        TEST(only_https_addresses_are_fetched),
        TEST(azures_page_is_followed_to_the_file),
        TEST(where_nothing_can_be_written_memory_holds_it_if_that_was_asked_for),
        TEST(what_is_held_is_written_once_the_directory_can_be_written),
        TEST(a_failure_says_whether_there_is_older_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
