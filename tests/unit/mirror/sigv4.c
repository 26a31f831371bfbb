#include "mirror/sigv4.h"

#include "check.h"

/* The examples of "Signature Calculations for the Authorization Header: Transferring Payload in a
 * Single Chunk", Amazon S3 API reference. */
static const struct sigv4_credentials credentials = {
    STR_INIT("AKIAIOSFODNN7EXAMPLE"), STR_INIT("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    STR_INIT("")};

#define AT 1369353600 /* 2013-05-24T00:00:00Z */

static struct sigv4_request example(const char *method, const char *path)
{
    return (struct sigv4_request){
        .method = str_from(method),
        .host = STR("examplebucket.s3.amazonaws.com"),
        .path = str_from(path),
        .payload = SIGV4_EMPTY,
        .region = STR("us-east-1"),
        .now = AT,
    };
}

static void check_signature(const struct sigv4_request *r, const char *headers,
                            const char *expected)
{
    struct sigv4_signature s;
    char text[1024];
    assert_true(sigv4_sign(r, &credentials, &s));
    assert_string_equal(s.date, "20130524T000000Z");
    snprintf(text, sizeof(text),
             "AWS4-HMAC-SHA256 "
             "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=%s,"
             "Signature=%s",
             headers, expected);
    assert_string_equal(s.authorization, text);
}

static void a_ranged_get_is_signed_as_amazon_says(void **state)
{
    (void)state;
    const struct sigv4_pair headers[] = {{STR("range"), STR("bytes=0-9")}};
    struct sigv4_request r = example("GET", "/test.txt");
    r.headers = headers;
    r.n_headers = 1;
    check_signature(&r, "host;range;x-amz-content-sha256;x-amz-date",
                    "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

static void a_put_with_a_key_that_needs_escapes_is_signed_as_amazon_says(void **state)
{
    (void)state;
    const struct sigv4_pair headers[] = {
        {STR("x-amz-storage-class"), STR("REDUCED_REDUNDANCY")},
        {STR("date"), STR("Fri, 24 May 2013 00:00:00 GMT")},
    };
    struct sigv4_request r = example("PUT", "/test$file.text");
    r.headers = headers;
    r.n_headers = 2;
    r.payload = STR("44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072");
    check_signature(&r, "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
                    "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

static void queries_are_signed_as_amazon_says(void **state)
{
    (void)state;
    const struct sigv4_pair lifecycle[] = {{STR("lifecycle"), STR("")}};
    const struct sigv4_pair list[] = {{STR("prefix"), STR("J")}, {STR("max-keys"), STR("2")}};
    struct sigv4_request r = example("GET", "/");
    r.query = lifecycle;
    r.n_query = 1;
    check_signature(&r, "host;x-amz-content-sha256;x-amz-date",
                    "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
    r.query = list;
    r.n_query = 2;
    check_signature(&r, "host;x-amz-content-sha256;x-amz-date",
                    "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7");
}

static void targets_are_sorted_and_escaped_in_capitals(void **state)
{
    (void)state;
    char memory[256];
    struct buf b = buf_make(memory, sizeof(memory));
    const struct sigv4_pair query[] = {
        {STR("prefix"), STR("containers/images/sha256:0a")},
        {STR("list-type"), STR("2")},
        {STR("continuation-token"), STR("a+b/c= ~\xc3\xa4")},
    };
    struct sigv4_request r = example("GET", "/bucket/containers/images/sha256:ab cd");
    r.query = query;
    r.n_query = 3;
    sigv4_target(&b, &r);
    check_str(
        str_make(b.data, b.len),
        "/bucket/containers/images/sha256%3Aab%20cd?continuation-token=a%2Bb%2Fc%3D%20~%C3%A4&"
        "list-type=2&prefix=containers%2Fimages%2Fsha256%3A0a");
}

static void a_token_is_signed_with_the_rest(void **state)
{
    (void)state;
    struct sigv4_credentials temporary = credentials;
    struct sigv4_signature with, without;
    struct sigv4_request r = example("GET", "/");
    temporary.token = STR("token");
    assert_true(sigv4_sign(&r, &temporary, &with));
    assert_true(sigv4_sign(&r, &credentials, &without));
    assert_non_null(strstr(with.authorization, ";x-amz-security-token,Signature="));
    assert_string_not_equal(strrchr(with.authorization, '='), strrchr(without.authorization, '='));
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    static char path[20000];
    struct sigv4_signature s;
    struct sigv4_pair headers[SIGV4_PAIRS_MAX];
    memset(path, 'a', sizeof(path) - 1);
    struct sigv4_request r = example("GET", path);
    assert_false(sigv4_sign(&r, &credentials, &s));
    r = example("GET", "/");
    for (size_t i = 0; i < SIGV4_PAIRS_MAX; i++)
        headers[i] = (struct sigv4_pair){STR("range"), STR("x")};
    r.headers = headers;
    r.n_headers = SIGV4_PAIRS_MAX - 3;
    assert_false(sigv4_sign(&r, &credentials, &s));
    r.n_headers = SIGV4_PAIRS_MAX - 4;
    assert_true(sigv4_sign(&r, &credentials, &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ranged_get_is_signed_as_amazon_says),
        cmocka_unit_test(a_put_with_a_key_that_needs_escapes_is_signed_as_amazon_says),
        cmocka_unit_test(queries_are_signed_as_amazon_says),
        cmocka_unit_test(targets_are_sorted_and_escaped_in_capitals),
        cmocka_unit_test(a_token_is_signed_with_the_rest),
        cmocka_unit_test(what_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
