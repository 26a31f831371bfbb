#include "sys/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the kernel's headers have had since some later version of the interface. */
#define REFER (UINT64_C(1) << 13)     /* 2 */
#define TRUNCATE (UINT64_C(1) << 14)  /* 3 */
#define IOCTL_DEV (UINT64_C(1) << 15) /* 5 */
#define BIND_TCP UINT64_C(1)          /* 4 */
#define SCOPES UINT64_C(3)            /* 6: abstract sockets, signals */

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITE (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | TRUNCATE)
/* Of what can be said of a single file. */
#define OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | TRUNCATE)
#define FIRST (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1) /* all that version 1 knows */

struct attributes {
    uint64_t files;
    uint64_t network;
    uint64_t scopes;
};

static const uint64_t access_rights[] = {
    [LANDLOCK_READ] = READ,
    [LANDLOCK_WRITE] = WRITE,
    [LANDLOCK_KEEP] = READ | WRITE | LANDLOCK_ACCESS_FS_REMOVE_FILE,
};

/* An older kernel takes no longer attributes than it knows, and no flag that it does not know. */
static int make_ruleset(int version, struct attributes *out)
{
    size_t size = version < 4   ? offsetof(struct attributes, network)
                  : version < 6 ? offsetof(struct attributes, scopes)
                                : sizeof(*out);
    *out = (struct attributes){.files = FIRST};
    if (version >= 2)
        out->files |= REFER;
    if (version >= 3)
        out->files |= TRUNCATE;
    if (version >= 4)
        out->network = BIND_TCP;
    if (version >= 5)
        out->files |= IOCTL_DEV;
    if (version >= 6)
        out->scopes = SCOPES;
    return (int)syscall(SYS_landlock_create_ruleset, out, size, 0);
}

static int open_path(const char *path)
{
    int fd;
    do
        fd = open(path, O_PATH | O_CLOEXEC);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static int add_path(int ruleset, const struct attributes *handled, const struct landlock_path *path)
{
    struct stat st;
    int fd = open_path(path->path);
    if (fd < 0) /* what is not there is not needed; what cannot be opened now may be */
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM ? errno : 0;
    struct landlock_path_beneath_attr rule = {
        .allowed_access = access_rights[path->access] & handled->files,
        .parent_fd = fd,
    };
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= OF_FILES;
    long failed = syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
    int error = failed != 0 ? errno : 0;
    close(fd);
    /* Pipes and what else lies in no directory are not restricted, and cannot be named. */
    return error == EBADFD ? 0 : error;
}

int landlock_confine(const struct landlock_path *paths, size_t n)
{
    struct attributes handled;
    int version =
        (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 0)
        return -errno;
    int ruleset = make_ruleset(version, &handled);
    if (ruleset < 0)
        return -errno;
    int error = 0;
    for (size_t i = 0; i < n && error == 0; i++)
        error = add_path(ruleset, &handled, &paths[i]);
    if (error == 0 && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        error = errno;
    close(ruleset);
    return error == 0 ? version : -error;
}
