/*
 * Files that hold credentials: the input is one, read as the AWS tools' shared file, and as the
 * config.json of container tools (whose helpers are looked for where there is none).
 *
 * It is refused with a reason that holds none of its secrets, or what is taken is whole: settings
 * are of one line and not empty, and stand in the file; a user has a password.
 */
#include "fuzz.h"

#include "mirror/login.h"
#include "mirror/profile.h"

#include <sys/mman.h>
#include <unistd.h>

#define HOST "r.example:5000"

static int file = -1;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char path[64];
    (void)argc;
    (void)argv;
    file = memfd_create("keys", MFD_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
    FUZZ_CHECK(file >= 0 && setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1) == 0);
    FUZZ_CHECK(setenv("AWS_CONFIG_FILE", "/nonexistent", 1) == 0);
    FUZZ_CHECK(setenv("REGISTRY_AUTH_FILE", path, 1) == 0 &&
               setenv("PATH", "/nonexistent", 1) == 0);
    return 0;
}

static void check_setting(const char *text, struct str all)
{
    if (text == NULL)
        return;
    FUZZ_CHECK(text[0] != '\0' && strchr(text, '\n') == NULL);
    FUZZ_CHECK(memmem(all.data, all.len, text, strlen(text)) != NULL);
}

static void check_profile(struct str all)
{
    char error[256] = "";
    struct profile p;
    FUZZ_CHECK(profile_read("default", &p, error) == (str_find(all, '\0') == all.len));
    FUZZ_CHECK((error[0] != '\0') == (str_find(all, '\0') < all.len));
    check_setting(p.access_key, all);
    check_setting(p.secret_key, all);
    check_setting(p.token, all);
    check_setting(p.region, all);
    check_setting(p.role, all);
    check_setting(p.token_file, all);
    FUZZ_CHECK(p.found || (p.access_key == NULL && p.secret_key == NULL && p.region == NULL));
    profile_release(&p);
}

static void check_login(void)
{
    char error[256] = "";
    struct login l;
    bool found = login_find(HOST, &l, error);
    FUZZ_CHECK(found || error[0] != '\0');
    FUZZ_CHECK((l.user == NULL) == (l.password == NULL));
    FUZZ_CHECK(l.identity == NULL || (l.user == NULL && l.identity[0] != '\0'));
    FUZZ_CHECK(found || (l.user == NULL && l.identity == NULL));
    char *basic = login_basic(&l);
    FUZZ_CHECK((basic != NULL) == (l.user != NULL));
    free(basic);
    login_release(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FUZZ_CHECK(ftruncate(file, 0) == 0);
    FUZZ_CHECK(pwrite(file, data, size, 0) == (ssize_t)size);
    check_profile(str_make((const char *)data, size));
    check_login();
    return 0;
}
