#include "mirror/login.h"

#include "mirror/secret.h"

#include "check.h"

#include <signal.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[32], file[64], helper[96];
static struct login login;
static char error[256];

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, mode);
}

static int setup(void **state)
{
    char path[4096];
    (void)state;
    strcpy(directory, "/tmp/archeio-login-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    snprintf(file, sizeof(file), "%s/config.json", directory);
    snprintf(helper, sizeof(helper), "%s/docker-credential-test", directory);
    snprintf(path, sizeof(path), "%s:%s", directory, getenv("PATH"));
    setenv("PATH", path, 1);
    setenv("DOCKER_CONFIG", directory, 1);
    unsetenv("REGISTRY_AUTH_FILE");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    login_release(&login);
    unlink(file);
    unlink(helper);
    return rmdir(directory);
}

static bool find(const char *text, const char *host)
{
    login_release(&login);
    write_file(file, text, 0600);
    return login_find(host, &login, error);
}

static void no_file_and_no_entry_are_anonymous(void **state)
{
    (void)state;
    assert_true(login_find("r.example", &login, error));
    assert_null(login.user);
    assert_true(find("{}", "r.example"));
    assert_true(find("{\"auths\":{\"other.example\":{\"auth\":\"YTpi\"}}}", "r.example"));
    assert_null(login.user);
    assert_null(login_basic(&login));
}

static void user_and_password_are_read(void **state)
{
    char *basic;
    (void)state;
    assert_true(find("{\"auths\":{\"r.example:5000\":{\"auth\":\"dXNlcjpwYXNzOndvcmQ=\"}}}",
                     "r.example:5000"));
    assert_string_equal(login.user, "user");
    assert_string_equal(login.password, "pass:word");
    basic = login_basic(&login);
    assert_string_equal(basic, "dXNlcjpwYXNzOndvcmQ=");
    secret_free(basic);
    assert_true(find("{\"auths\":{\"https://r.example\":{\"auth\":\"YTpi\"}}}", "r.example"));
    assert_string_equal(login.user, "a");
    assert_true(find("{\"auths\":{\"https://index.docker.io/v1/\":{\"auth\":\"YTpi\"}}}",
                     "registry-1.docker.io"));
    assert_string_equal(login.password, "b");
}

static void an_identity_token_is_read(void **state)
{
    (void)state;
    assert_true(find("{\"auths\":{\"r.example\":{\"auth\":\"YTpi\",\"identitytoken\":\"abc\"}}}",
                     "r.example"));
    assert_string_equal(login.identity, "abc");
    assert_null(login.user);
}

static void helpers_are_asked(void **state)
{
    (void)state;
    write_file(helper,
               "#!/bin/sh\nread server\n[ \"$1\" = get ] || exit 1\n"
               "case $server in\n"
               "r.example) echo '{\"Username\":\"u\",\"Secret\":\"s\"}';;\n"
               "t.example) echo '{\"Username\":\"<token>\",\"Secret\":\"id\"}';;\n"
               "*) echo 'credentials not found in native keychain'; exit 1;;\nesac\n",
               0700);
    assert_true(find("{\"credHelpers\":{\"r.example\":\"test\"}}", "r.example"));
    assert_string_equal(login.user, "u");
    assert_string_equal(login.password, "s");
    assert_true(find("{\"credsStore\":\"test\"}", "t.example"));
    assert_string_equal(login.identity, "id");
    assert_true(find("{\"credsStore\":\"test\",\"auths\":{\"x.example\":{}}}", "x.example"));
    assert_null(login.user);
    assert_null(login.identity);
}

/* More than anybody reads fits into no pipe. */
static void a_helper_that_does_not_stop_talking_is_not_waited_for(void **state)
{
    (void)state;
    write_file(helper, "#!/bin/sh\nexec head -c 1000000 /dev/zero\n", 0700);
    assert_false(find("{\"credsStore\":\"test\"}", "r.example"));
    assert_non_null(strstr(error, "docker-credential-test"));
}

static void what_is_of_no_use_is_said(void **state)
{
    (void)state;
    assert_false(find("{", "r.example"));
    assert_non_null(strstr(error, "config.json:1:1: "));
    assert_false(find("{\"auths\":{\"r.example\":{\"auth\" \"c2VjcmV0\"}}}", "r.example"));
    assert_null(strstr(error, "c2VjcmV0"));
    assert_false(find("{\"auths\":{\"r.example\":{\"auth\":\"???\"}}}", "r.example"));
    assert_non_null(strstr(error, "log in again"));
    assert_false(find("{\"auths\":{\"r.example\":{\"auth\":\"YWI=\"}}}", "r.example"));
    assert_false(find("{\"credHelpers\":{\"r.example\":\"missing\"}}", "r.example"));
    assert_non_null(strstr(error, "docker-credential-missing"));
    assert_false(find("{\"credHelpers\":{\"r.example\":\"../evil\"}}", "r.example"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(no_file_and_no_entry_are_anonymous, setup, teardown),
        cmocka_unit_test_setup_teardown(user_and_password_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(an_identity_token_is_read, setup, teardown),
        cmocka_unit_test_setup_teardown(helpers_are_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_helper_that_does_not_stop_talking_is_not_waited_for,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_of_no_use_is_said, setup, teardown),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
