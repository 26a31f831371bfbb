#include "mirror/s3.h"

#include "bucket.h"

#include <signal.h>
#include <time.h>

/* ── Parts ── */

#define PARTS "&parts-above=5MiB&part-size=5MiB"
#define PART (5 << 20)
#define LARGE (2 * PART + 7)

static char large[LARGE];

static struct {
    bool has_upload; /* with both full parts */
    bool etags_lie;  /* of what is sent */
    bool listed_lie; /* of what is there */
    int complete_status;
    const char *complete;
} multipart;

static void md5_of(const void *data, size_t len, char out[33])
{
    unsigned char hash[16];
    EVP_Digest(data, len, hash, NULL, EVP_md5(), NULL);
    for (int i = 0; i < 16; i++)
        snprintf(out + 2 * i, 3, "%02x", hash[i]);
}

static void list_parts(struct httpd_request *r)
{
    char body[1024], md5[2][33];
    for (int i = 0; i < 2; i++)
        md5_of(large + i * PART, PART, md5[i]);
    if (multipart.listed_lie)
        md5[1][0] ^= 1;
    snprintf(body, sizeof(body),
             "<ListPartsResult><IsTruncated>false</IsTruncated>"
             "<Part><PartNumber>1</PartNumber><Size>%d</Size><ETag>&quot;%s&quot;</ETag></Part>"
             "<Part><PartNumber>2</PartNumber><Size>%d</Size><ETag>&quot;%s&quot;</ETag></Part>"
             "<Part><PartNumber>3</PartNumber><Size>8</Size><ETag>x</ETag></Part>"
             "</ListPartsResult>",
             PART, md5[0], PART, md5[1]);
    reply(r, 200, "", body);
}

static void accept_part(struct httpd_request *r)
{
    char fields[128], md5[33];
    md5_of(r->body, r->body_len, md5);
    if (multipart.etags_lie)
        md5[0] ^= 1;
    snprintf(fields, sizeof(fields), "ETag: \"%s\"\r\n", md5);
    reply(r, 200, fields, "");
}

static void in_parts(struct httpd_request *r, int n)
{
    (void)n;
    bool post = strcmp(r->method, "POST") == 0;
    if (strcmp(r->method, "HEAD") == 0)
        reply(r, 404, "", "");
    else if (strcmp(r->method, "DELETE") == 0)
        reply(r, 204, "", "");
    else if (strcmp(r->method, "PUT") == 0)
        accept_part(r);
    else if (post && strstr(r->path, "?uploads") != NULL)
        reply(r, 200, "",
              "<InitiateMultipartUploadResult><UploadId>new</UploadId>"
              "</InitiateMultipartUploadResult>");
    else if (post)
        reply(r, multipart.complete_status, "", multipart.complete);
    else if (strstr(r->path, "uploadId=old") != NULL)
        list_parts(r);
    else
        reply(r, 200, "",
              multipart.has_upload ? "<ListMultipartUploadsResult>"
                                     "<Upload><Key>" KEY "</Key><UploadId>older</UploadId>"
                                     "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
                                     "<Upload><Key>" KEY "</Key><UploadId>old</UploadId>"
                                     "<Initiated>2020-01-02T00:00:00Z</Initiated></Upload>"
                                     "<Upload><Key>" KEY "x</Key><UploadId>no</UploadId>"
                                     "<Initiated>2020-01-03T00:00:00Z</Initiated></Upload>"
                                     "</ListMultipartUploadsResult>"
                                   : "<ListMultipartUploadsResult/>");
}

#define COMPLETED "<CompleteMultipartUploadResult></CompleteMultipartUploadResult>"

static struct store_outcome put_large_over(bool replace)
{
    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i * 31 + i / 1000);
    answer = in_parts;
    n_seen = 0;
    struct store *s = open_store("bucket", PARTS);
    struct store_object object = {.key = STR(KEY),
                                  .digest = putting_digest(large, sizeof(large)),
                                  .size = sizeof(large),
                                  .replace = replace};
    struct putting source = {.data = large, .len = sizeof(large)};
    struct store_outcome out = putting_run(s, client, &object, &source);
    store_close(s);
    return out;
}

static struct store_outcome put_large(void)
{
    return put_large_over(false);
}

static void start_parts(void)
{
    memset(&multipart, 0, sizeof(multipart));
    multipart.complete_status = 200;
    multipart.complete = COMPLETED;
}

/* How many requests began so, and the last of them. */
static int times(const char *start, int *last)
{
    int n = 0;
    *last = 0;
    for (int i = 0; i < n_seen; i++)
        if (strncmp(seen[i].line, start, strlen(start)) == 0) {
            *last = i;
            n++;
        }
    return n;
}

static void what_the_server_cannot_check_is_nothing_until_it_is_completed(void **state)
{
    int last;
    struct store_object object = {
        .key = STR(KEY), .size = 5, .digest = {.algorithm = DIGEST_SHA512, .size = 64}};
    struct putting source = {.data = "hello", .len = 5};
    (void)state;
    start_parts();
    answer = in_parts;
    assert_int_equal(putting_run(store, client, &object, &source).result, STORE_OK);
    assert_int_equal(times("PUT ", &last), 1);
    assert_non_null(strstr(seen[last].line, "partNumber=1"));
    assert_true(said(last, "x-amz-content-sha256: UNSIGNED-PAYLOAD\r\n"));
    assert_int_equal(times("POST ", &last), 2);
}

static void what_is_large_goes_up_in_parts(void **state)
{
    int last;
    (void)state;
    start_parts();
    assert_int_equal(put_large().result, STORE_OK);
    assert_int_equal(times("HEAD ", &last), 1);
    assert_int_equal(times("PUT ", &last), 3);
    assert_int_equal(seen[last].body_len, 7);
    assert_true(said(last, "UNSIGNED-PAYLOAD"));
    assert_int_equal(times("POST ", &last), 2);
    assert_string_equal(seen[last].line, "POST /bucket/images/sha256%3Aab?uploadId=new");
    assert_true(said(last, "if-none-match: *\r\n"));
    assert_non_null(strstr(seen[last].body, "<Part><PartNumber>3</PartNumber><ETag>\""));
    assert_int_equal(times("DELETE ", &last), 0);
}

static void what_may_be_replaced_is_completed_without_a_condition(void **state)
{
    int last;
    (void)state;
    start_parts();
    assert_int_equal(put_large_over(true).result, STORE_OK);
    assert_int_equal(times("HEAD ", &last), 0);
    assert_int_equal(times("PUT ", &last), 3);
    assert_int_equal(times("POST ", &last), 2);
    assert_false(said(last, "if-none-match"));
}

static void a_later_run_goes_on_from_the_parts_that_are_there(void **state)
{
    int last;
    (void)state;
    start_parts();
    multipart.has_upload = true;
    assert_int_equal(put_large().result, STORE_OK);
    assert_int_equal(times("PUT ", &last), 1);
    assert_string_equal(seen[last].line,
                        "PUT /bucket/images/sha256%3Aab?partNumber=3&uploadId=old");
    assert_int_equal(times("POST ", &last), 1);
    assert_string_equal(seen[last].line, "POST /bucket/images/sha256%3Aab?uploadId=old");
}

static void a_part_with_other_content_ends_the_upload(void **state)
{
    int last;
    (void)state;
    start_parts();
    multipart.has_upload = multipart.listed_lie = true;
    check_error(put_large(), STORE_RETRY, "part 2 of an upload is not what the source says");
    assert_int_equal(times("PUT ", &last), 0);
    assert_int_equal(times("POST ", &last), 0);
    assert_int_equal(times("DELETE /bucket/images/sha256%3Aab?uploadId=old", &last), 1);
}

static void a_part_that_arrived_as_another_ends_the_upload(void **state)
{
    int last;
    (void)state;
    start_parts();
    multipart.etags_lie = true;
    check_error(put_large(), STORE_RETRY, "part 1 of an upload is not what the source says");
    assert_int_equal(times("POST /bucket/images/sha256%3Aab?uploadId", &last), 0);
    assert_int_equal(times("DELETE ", &last), 1);
}

static void an_error_in_a_success_is_an_error(void **state)
{
    int last;
    (void)state;
    start_parts();
    multipart.complete = "  \n<Error><Code>InternalError</Code></Error>";
    check_error(put_large(), STORE_RETRY, "InternalError");
    assert_int_equal(times("DELETE ", &last), 0);
    multipart.complete = "<Error><Code>AccessDenied</Code></Error>";
    check_error(put_large(), STORE_FAILED, "no permission");
    multipart.complete = "";
    assert_int_equal(put_large().result, STORE_RETRY);
}

static void what_came_meanwhile_is_there(void **state)
{
    int last;
    (void)state;
    start_parts();
    multipart.complete_status = 412;
    multipart.complete = "<Error><Code>PreconditionFailed</Code></Error>";
    assert_int_equal(put_large().result, STORE_THERE);
    assert_int_equal(times("DELETE ", &last), 1);
}

/* ── Tidying ── */

#define DIGEST "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static void uploads_of_all_ages(struct httpd_request *r, int n)
{
    char body[2048], now[32];
    time_t t = time(NULL) - 3600;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
    snprintf(body, sizeof(body),
             "<ListMultipartUploadsResult>"
             "<Upload><Key>pre/images/" DIGEST "</Key><UploadId>old</UploadId>"
             "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
             "<Upload><Key>pre/images/" DIGEST "</Key><UploadId>young</UploadId>"
             "<Initiated>%s</Initiated></Upload>"
             "<Upload><Key>pre/holiday.mp4</Key><UploadId>foreign</UploadId>"
             "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
             "<Upload><Key>images/" DIGEST "</Key><UploadId>beside</UploadId>"
             "<Initiated>2020-01-01T00:00:00Z</Initiated></Upload>"
             "</ListMultipartUploadsResult>",
             now);
    reply(r, n == 0 ? 200 : 204, "", n == 0 ? body : "");
}

static void only_old_uploads_of_blobs_are_removed(void **state)
{
    struct store_outcome out;
    (void)state;
    answer = uploads_of_all_ages;
    struct store *s = open_store("bucket/pre", "");
    store_tidy(s, client, &out);
    assert_int_equal(out.result, STORE_OK);
    assert_int_equal(n_seen, 2);
    assert_string_equal(seen[1].line, "DELETE /bucket/pre/images/sha256%3Aaaaaaaaaaaaaaaaaaaaaaaaa"
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa?uploadId=old");
    store_close(s);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_large_goes_up_in_parts),
        TEST(what_the_server_cannot_check_is_nothing_until_it_is_completed),
        TEST(what_may_be_replaced_is_completed_without_a_condition),
        TEST(a_later_run_goes_on_from_the_parts_that_are_there),
        TEST(a_part_with_other_content_ends_the_upload),
        TEST(a_part_that_arrived_as_another_ends_the_upload),
        TEST(an_error_in_a_success_is_an_error),
        TEST(what_came_meanwhile_is_there),
        TEST(only_old_uploads_of_blobs_are_removed),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
