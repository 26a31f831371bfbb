#include "mirror/credentials.h"

#include "mirror/stamp.h"

#include "httpd.h"

#include "check.h"

#include <ftw.h>
#include <signal.h>
#include <time.h>

static struct httpd *server;
static char root[64];
static atomic_int asked;     /* how often keys were handed out */
static atomic_int lifetime;  /* of keys that are handed out, in seconds */
static atomic_bool refusing; /* nobody hands out anything */
static char last_body[8192], last_token[256];

static const char *const variables[] = {
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CONFIG_FILE",
    "AWS_ROLE_ARN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_SESSION_NAME",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_STS",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
};

/* ── Those who give keys ── */

static void expiry(char out[32])
{
    time_t t = time(NULL) + lifetime;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void reply(struct httpd_request *r, int status, const char *body)
{
    snprintf(r->answer, r->answer_size, "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n\r\n%s", status,
             strlen(body), body);
}

static void give_json(struct httpd_request *r)
{
    char body[512], until[32];
    expiry(until);
    snprintf(
        body, sizeof(body),
        "{\"Code\": \"Success\", \"AccessKeyId\": \"GIVEN%d\", \"SecretAccessKey\": \"secret\","
        " \"Token\": \"token\", \"Expiration\": \"%s\"}",
        atomic_fetch_add(&asked, 1) + 1, until);
    reply(r, 200, body);
}

static void give_xml(struct httpd_request *r)
{
    char body[1024], until[32];
    expiry(until);
    snprintf(body, sizeof(body),
             "<AssumeRoleWithWebIdentityResponse "
             "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">"
             "<AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>GIVEN%d</AccessKeyId>"
             "<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
             "<Expiration>%s</Expiration></Credentials></AssumeRoleWithWebIdentityResult>"
             "</AssumeRoleWithWebIdentityResponse>",
             atomic_fetch_add(&asked, 1) + 1, until);
    reply(r, 200, body);
}

static enum httpd_action give(struct httpd *s, struct httpd_request *r)
{
    (void)s;
    snprintf(last_body, sizeof(last_body), "%s", r->body);
    if (refusing)
        reply(r, 403, "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>");
    else if (strcmp(r->method, "POST") == 0)
        give_xml(r);
    else if (strcmp(r->path, "/container") == 0) {
        snprintf(last_token, sizeof(last_token), "%s", httpd_field(r, "Authorization"));
        give_json(r);
    } else if (strcmp(r->path, "/latest/api/token") == 0 && strcmp(r->method, "PUT") == 0 &&
               httpd_field(r, "X-aws-ec2-metadata-token-ttl-seconds")[0] != '\0')
        reply(r, 200, "session");
    else if (strcmp(httpd_field(r, "X-aws-ec2-metadata-token"), "session") != 0)
        reply(r, 401, "");
    else if (strcmp(r->path, "/latest/meta-data/iam/security-credentials/") == 0)
        reply(r, 200, "role\n");
    else if (strcmp(r->path, "/latest/meta-data/iam/security-credentials/role") == 0)
        give_json(r);
    else
        reply(r, 404, "");
    return HTTPD_SEND;
}

/* ── Each test ── */

static char file[128];

static const char *path(const char *name)
{
    snprintf(file, sizeof(file), "%s/%s", root, name);
    return file;
}

static void write_bytes(const char *name, struct str bytes)
{
    FILE *f = fopen(path(name), "w");
    assert_non_null(f);
    fwrite(bytes.data, 1, bytes.len, f);
    fclose(f);
}

static void write_file(const char *name, const char *text)
{
    write_bytes(name, str_from(text));
}

static int setup(void **state)
{
    (void)state;
    strcpy(root, "/tmp/geranos-credentials-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    setenv("HOME", root, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    atomic_store(&asked, 0);
    atomic_store(&lifetime, 3600);
    atomic_store(&refusing, false);
    server = httpd_start(give, NULL);
    return 0;
}

static int remove_one(const char *name, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(name);
}

static int teardown(void **state)
{
    (void)state;
    httpd_stop(server);
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static struct credentials *made(const char *profile)
{
    char error[256];
    struct credentials *c = credentials_new(profile, error);
    if (c == NULL)
        fail_msg("%s", error);
    return c;
}

static void check_keys(struct credentials *c, const char *access_key, const char *token)
{
    struct credentials_keys keys;
    char error[256];
    if (!credentials_get(c, &keys, error))
        fail_msg("%s", error);
    assert_string_equal(keys.access_key, access_key);
    assert_string_equal(keys.token, token);
    credentials_wipe(&keys);
}

static void check_source(const char *profile, const char *access_key, const char *name)
{
    struct credentials *c = made(profile);
    check_keys(c, access_key, "");
    assert_non_null(strstr(credentials_source_name(c), name));
    credentials_free(c);
}

static void check_none(const char *profile, const char *text)
{
    struct credentials_keys keys;
    char error[256] = "";
    struct credentials *c = credentials_new(profile, error);
    if (c != NULL)
        assert_false(credentials_get(c, &keys, error));
    credentials_free(c);
    if (strstr(error, text) == NULL)
        fail_msg("\"%s\", expected \"%s\"", error, text);
    assert_null(strstr(error, "s3cr3t"));
}

/* ── Written down ── */

static void the_environment_comes_first(void **state)
{
    (void)state;
    mkdir(path(".aws"), 0700);
    write_file(".aws/credentials", "[default]\naws_access_key_id = FILE\n"
                                   "aws_secret_access_key = s3cr3t\n");
    check_source(NULL, "FILE", "the profile \"default\"");
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    check_none(NULL, "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not");
    setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t", 1);
    check_source(NULL, "ENV", "the environment");
    check_source("default", "FILE", "the profile \"default\"");
}

static void a_session_token_belongs_to_the_keys(void **state)
{
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s3cr3t", 1);
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    struct credentials *c = made(NULL);
    check_keys(c, "ENV", "tok");
    credentials_free(c);
}

static void profiles_are_read_as_the_tools_write_them(void **state)
{
    (void)state;
    write_file("credentials", "# a comment\n; another\n[ one ] # and here\r\n"
                              "aws_access_key_id=ONE\naws_secret_access_key = s3cr3t/+=#x ; no\n"
                              "[two]\naws_access_key_id = TWO\naws_secret_access_key = s3cr3t\n"
                              "aws_access_key_id = SECOND\n");
    write_file("config", "[default]\nregion = eu-west-1\n[profile two]\nregion = eu-west-3\n"
                         "aws_access_key_id = CONFIG\ns3 =\n  region = nested\n[profile three]\n"
                         "aws_access_key_id = THREE\naws_secret_access_key = s3cr3t\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path("credentials"), 1);
    setenv("AWS_CONFIG_FILE", path("config"), 1);
    check_source("one", "ONE", "\"one\"");
    check_source("two", "TWO", "\"two\"");
    check_source("three", "THREE", "\"three\"");
    setenv("AWS_PROFILE", "two", 1);
    struct credentials *c = made(NULL);
    check_keys(c, "TWO", "");
    assert_string_equal(credentials_region(c), "eu-west-3");
    credentials_free(c);
    setenv("AWS_REGION", "us-west-2", 1);
    c = made(NULL);
    assert_string_equal(credentials_region(c), "us-west-2");
    credentials_free(c);
    struct credentials_keys keys;
    char error[256];
    c = made("one");
    assert_true(credentials_get(c, &keys, error));
    assert_string_equal(keys.secret_key, "s3cr3t/+=#x");
    credentials_free(c);
}

static void a_profile_that_is_of_no_use_says_what_was_expected(void **state)
{
    (void)state;
    write_file("credentials", "[empty]\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path("credentials"), 1);
    check_none("empty", "has no keys: expected aws_access_key_id");
    check_none("none", "is in no file: expected a section of this name");
    setenv("AWS_PROFILE", "other", 1);
    check_none(NULL, "the profile \"other\" is in no file");
    setenv("AWS_SHARED_CREDENTIALS_FILE", root, 1);
    check_none(NULL, "cannot be read");
    write_bytes("credentials",
                STR("[other]\naws_access_key_id = A\naws_secret_access_key = s3cr3t\0x\n"));
    setenv("AWS_SHARED_CREDENTIALS_FILE", path("credentials"), 1);
    check_none(NULL, "expected text, but there is a NUL byte in it");
}

static void keys_that_were_written_anew_are_found_when_the_old_expire(void **state)
{
    struct credentials_keys keys;
    char error[256];
    (void)state;
    write_file("credentials", "[default]\naws_access_key_id = OLD\naws_secret_access_key = x\n");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path("credentials"), 1);
    struct credentials *c = made(NULL);
    assert_true(credentials_get(c, &keys, error));
    assert_false(credentials_expired(c, &keys));
    write_file("credentials", "[default]\naws_access_key_id = NEW\naws_secret_access_key = x\n");
    assert_true(credentials_expired(c, &keys));
    check_keys(c, "NEW", "");
    assert_true(credentials_expired(c, &keys)); /* another thread's, which has not seen the new */
    credentials_free(c);
}

/* ── Given ── */

static void use_web_identity(void)
{
    write_file("token", "ey/J.1\n");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", path("token"), 1);
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/x", 1);
    setenv("AWS_ENDPOINT_URL_STS", server->url, 1);
}

static void use_container(void)
{
    char url[128];
    snprintf(url, sizeof(url), "%s/container", server->url);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
}

static void use_machine(void)
{
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server->url, 1);
}

static void check_given(void)
{
    struct credentials *c = made(NULL);
    assert_int_equal(atomic_load(&asked), 0);
    check_keys(c, "GIVEN1", "token");
    check_keys(c, "GIVEN1", "token");
    assert_int_equal(atomic_load(&asked), 1);
    credentials_free(c);
}

static void a_web_identity_gets_keys_from_sts(void **state)
{
    (void)state;
    use_container();
    use_web_identity();
    check_given();
    assert_string_equal(last_body, "Action=AssumeRoleWithWebIdentity&Version=2011-06-15"
                                   "&RoleSessionName=geranos&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole"
                                   "%2Fx&WebIdentityToken=ey%2FJ.1");
}

static void a_token_that_was_replaced_is_read_anew(void **state)
{
    (void)state;
    use_web_identity();
    atomic_store(&lifetime, 1);
    struct credentials *c = made(NULL);
    struct credentials_keys keys;
    char error[256];
    assert_true(credentials_get(c, &keys, error));
    credentials_free(c);
    write_file("token", "second");
    c = made(NULL);
    assert_true(credentials_get(c, &keys, error));
    assert_non_null(strstr(last_body, "WebIdentityToken=second"));
    credentials_free(c);
}

static void a_profile_can_name_a_web_identity(void **state)
{
    char text[256];
    (void)state;
    use_web_identity();
    unsetenv("AWS_ROLE_ARN");
    snprintf(text, sizeof(text), "[profile p]\nrole_arn = arn:x\nweb_identity_token_file = %s\n",
             path("token"));
    write_file("config", text);
    setenv("AWS_CONFIG_FILE", path("config"), 1);
    setenv("AWS_PROFILE", "p", 1);
    check_given();
}

static void a_container_gets_keys_and_says_who_it_is(void **state)
{
    (void)state;
    use_container();
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Basic abc", 1);
    check_given();
    assert_string_equal(last_token, "Basic abc");
    write_file("pod", "pod-token\n");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path("pod"), 1);
    struct credentials *c = made(NULL);
    check_keys(c, "GIVEN2", "token");
    assert_string_equal(last_token, "pod-token");
    credentials_free(c);
}

static void a_container_tells_nobody_else_who_it_is(void **state)
{
    static const char *const urls[] = {"http://example.com/x", "http://10.0.0.1/x", "file:///x",
                                       "http://127.0.0.1@example.com/"};
    (void)state;
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", urls[i], 1);
        check_none(NULL, "expected https, or a loopback address");
    }
}

static void a_machine_gets_keys_of_its_role(void **state)
{
    (void)state;
    use_machine();
    check_given();
}

/* A proxy would ask its own machine, and could read along. */
static void a_machine_is_asked_through_no_proxy(void **state)
{
    (void)state;
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    use_machine();
    check_given();
    atomic_store(&asked, 0);
    use_container();
    check_given();
    unsetenv("http_proxy");
}

/* Soon to expire is not expired: they are used on, and who gives them is asked every few seconds
 * and not for every request. */
static void keys_are_had_anew_before_they_expire(void **state)
{
    struct credentials_keys keys = {.access_key = ""};
    char error[256];
    time_t begun = time(NULL);
    unsigned n = 0;
    (void)state;
    use_machine();
    atomic_store(&lifetime, 200);
    struct credentials *c = made(NULL);
    while (strcmp(keys.access_key, "GIVEN2") != 0 && time(NULL) < begun + 60) {
        assert_true(credentials_get(c, &keys, error));
        n++;
        usleep(1000);
    }
    assert_string_equal(keys.access_key, "GIVEN2");
    assert_true(n > 100);
    assert_int_equal(atomic_load(&asked), 2);
    credentials_free(c);
}

static void who_gives_none_is_named_with_what_to_do(void **state)
{
    (void)state;
    check_none(NULL, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile");
    atomic_store(&refusing, true);
    use_machine();
    check_none(NULL, "the instance metadata service answers 403");
    use_container();
    check_none(NULL, "the container's credentials endpoint answers 403");
    use_web_identity();
    check_none(NULL, "STS refuses the web identity (HTTP 403 AccessDenied): check AWS_ROLE_ARN");
    unlink(path("token"));
    check_none(NULL, "the token cannot be read");
}

static void *get_often(void *argument)
{
    struct credentials_keys keys;
    char error[256];
    for (int i = 0; i < 200; i++)
        if (!credentials_get(argument, &keys, error))
            return argument;
    return NULL;
}

static void many_threads_ask_once(void **state)
{
    pthread_t threads[8];
    void *failed;
    (void)state;
    use_machine();
    struct credentials *c = made(NULL);
    for (size_t i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, get_often, c);
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(atomic_load(&asked), 1);
    credentials_free(c);
}

static void times_are_read_in_both_forms(void **state)
{
    int64_t t = 0;
    (void)state;
    assert_true(stamp_http("Fri, 24 May 2013 00:00:01 GMT", &t));
    assert_int_equal(t, 1369353601);
    assert_true(stamp_iso("2013-05-24T00:00:02Z", &t));
    assert_int_equal(t, 1369353602);
    assert_true(stamp_iso("2013-05-24T00:00:03.999Z", &t));
    assert_int_equal(t, 1369353603);
    assert_false(stamp_http("2013-05-24", &t));
    assert_false(stamp_iso("2013-05-24T00:00:02", &t));
    assert_false(stamp_iso("2013-05-24T00:00:02+01:00", &t));
    assert_int_equal(t, 1369353603);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_environment_comes_first),
        TEST(a_session_token_belongs_to_the_keys),
        TEST(profiles_are_read_as_the_tools_write_them),
        TEST(a_profile_that_is_of_no_use_says_what_was_expected),
        TEST(keys_that_were_written_anew_are_found_when_the_old_expire),
        TEST(a_web_identity_gets_keys_from_sts),
        TEST(a_token_that_was_replaced_is_read_anew),
        TEST(a_profile_can_name_a_web_identity),
        TEST(a_container_gets_keys_and_says_who_it_is),
        TEST(a_container_tells_nobody_else_who_it_is),
        TEST(a_machine_gets_keys_of_its_role),
        TEST(a_machine_is_asked_through_no_proxy),
        TEST(keys_are_had_anew_before_they_expire),
        TEST(who_gives_none_is_named_with_what_to_do),
        TEST(many_threads_ask_once),
        TEST(times_are_read_in_both_forms),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
