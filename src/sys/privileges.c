#include "sys/privileges.h"

#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

/* ── Who ── */

static bool use_entry(const struct passwd *entry, struct privileges *out)
{
    if (entry == NULL || strlen(entry->pw_name) >= sizeof(out->name))
        return false;
    out->uid = entry->pw_uid;
    out->gid = entry->pw_gid;
    out->named = true;
    strcpy(out->name, entry->pw_name);
    return true;
}

static void use_number(uid_t uid, struct privileges *out)
{
    out->uid = uid;
    out->gid = (gid_t)uid;
    snprintf(out->name, sizeof(out->name), "%u", (unsigned)uid);
}

static bool find_named(const char *user, struct privileges *out)
{
    uint64_t number;
    if (use_entry(getpwnam(user), out))
        return true;
    if (!num_parse(str_from(user), UINT32_MAX - 1, &number))
        return false;
    if (!use_entry(getpwuid((uid_t)number), out))
        use_number((uid_t)number, out);
    return true;
}

bool privileges_find(const char *user, struct privileges *out)
{
    *out = (struct privileges){0};
    if (geteuid() != 0) {
        struct privileges other = {0};
        out->ignored = user[0] != '\0' && (!find_named(user, &other) || other.uid != geteuid());
        use_number(geteuid(), out);
        out->gid = getegid();
        return true;
    }
    if (user[0] != '\0') {
        if (!find_named(user, out))
            return false;
    } else if (!use_entry(getpwnam("archeio"), out) && !use_entry(getpwnam("nobody"), out)) {
        use_number(NOBODY, out);
    }
    out->change = out->uid != 0;
    return true;
}

/* ── Identity ── */

/* Groups first: they take the capabilities that the user does not have. */
static const char *become(const struct privileges *who)
{
    int groups = who->named ? initgroups(who->name, who->gid) : setgroups(0, NULL);
    if (groups != 0)
        return "setgroups";
    if (setresgid(who->gid, who->gid, who->gid) != 0)
        return "setgid";
    return setresuid(who->uid, who->uid, who->uid) == 0 ? NULL : "setuid";
}

static const char *look_whether_it_is_for_good(const struct privileges *who)
{
    uid_t uid[3];
    gid_t gid[3];
    if (getresuid(&uid[0], &uid[1], &uid[2]) != 0 || getresgid(&gid[0], &gid[1], &gid[2]) != 0)
        return "getresuid";
    for (size_t i = 0; i < 3; i++)
        if (uid[i] != who->uid || gid[i] != who->gid)
            return "some of the old identity was left: setuid";
    if (setresuid(0, 0, 0) == 0 || seteuid(0) == 0 || (who->gid != 0 && setegid(0) == 0))
        return "root could be had back: setuid";
    return NULL;
}

/* ── Capabilities ── */

/* Needs CAP_SETPCAP, which whoever was not root lacks. Nothing is lost then: under no_new_privs the
 * set has no effect. */
static void empty_bounding_set(void)
{
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0)
            return;
}

/* Whoever has none need not be allowed to make the call. */
static bool set_no_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct has[_LINUX_CAPABILITY_U32S_3] = {{0}};
    const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capget, &header, has) == 0 && memcmp(has, none, sizeof(has)) == 0)
        return true;
    return syscall(SYS_capset, &header, none) == 0;
}

const char *privileges_drop(const struct privileges *who)
{
    empty_bounding_set();
    const char *failed = who->change ? become(who) : NULL;
    int error = errno;
    if (!set_no_capabilities() && failed == NULL)
        return "capset";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 && failed == NULL)
        return "no_new_privs";
    errno = error;
    if (failed == NULL && who->change)
        failed = look_whether_it_is_for_good(who);
    return failed;
}

/* ── Foresight ── */

int privileges_try_read(const struct privileges *who, const char *path)
{
    pid_t child = fork();
    if (child == 0) {
        bool opened = (who->change && become(who) != NULL) || open(path, O_RDONLY | O_CLOEXEC) >= 0;
        _exit(opened ? 0 : errno);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 0;
}
