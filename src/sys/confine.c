#include "sys/confine.h"

#include "sys/file.h"
#include "sys/log.h"
#include "sys/privileges.h"
#include "sys/syscalls.h"
#include "sys/xalloc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What libraries read: themselves, certificates, and how names are resolved. Whole directories,
 * because what lies in them is replaced by new files while the server runs. */
static const struct landlock_path everybody[] = {
    {"/etc", LANDLOCK_READ},
    {"/usr", LANDLOCK_READ},
    {"/lib", LANDLOCK_READ},
    {"/lib64", LANDLOCK_READ},
    {"/nix/store", LANDLOCK_READ},
    {"/var/lib/ca-certificates", LANDLOCK_READ},
    {"/run/systemd/resolve", LANDLOCK_READ},
    {"/run/NetworkManager", LANDLOCK_READ},
    {"/run/resolvconf", LANDLOCK_READ},
    {"/proc/self", LANDLOCK_READ},
    {"/sys/fs/cgroup", LANDLOCK_READ},
    {"/sys/devices/system/cpu", LANDLOCK_READ},
    {"/dev/null", LANDLOCK_KEEP},
    {"/dev/urandom", LANDLOCK_READ},
#ifdef ARCHEIO_COVERAGE
    {ARCHEIO_COVERAGE, LANDLOCK_KEEP},
#endif
};

#define EVERYBODY (sizeof(everybody) / sizeof(*everybody))

/* Whoever cannot do this has its reasons, and hears of them when it comes to need the directory. */
static void make_directory(const char *path, const struct privileges *who)
{
    struct stat st;
    if (stat(path, &st) == 0 || file_make_directory(path) != 0 || !who->change)
        return;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return;
    if (fchown(fd, who->uid, who->gid) != 0)
        log_warning("%s cannot be given to the user %s: %s", path, who->name, strerror(errno));
    close(fd);
}

static bool drop_privileges(const struct confine_options *options, struct privileges *who)
{
    const char *failed = privileges_drop(who);
    if (failed == NULL)
        return true;
    int error = errno;
    bool is_root = geteuid() == 0;
    if (who->change && (!is_root || options->user[0] != '\0')) {
        log_error("server.user: cannot become the user %s: %s: %s", who->name, failed,
                  strerror(error));
        return false;
    }
    log_warning("cannot give up all privileges: %s: %s; going on as %s", failed, strerror(error),
                is_root ? "root" : who->name);
    if (is_root)
        strcpy(who->name, "root");
    return true;
}

/* Each of these writes what holds into `said`. */

static void confine_syscalls(char said[40])
{
    int calls = syscalls_confine();
    if (calls >= 0) {
        snprintf(said, 40, "seccomp (%d calls)", calls);
        return;
    }
    log_warning("cannot confine system calls, all of them stay: seccomp: %s", strerror(-calls));
    strcpy(said, "no seccomp");
}

static void confine_files(const struct confine_options *options, char said[40])
{
    size_t n = EVERYBODY + options->n_paths;
    struct landlock_path *all = xalloc_zero(n, sizeof(*all));
    memcpy(all, everybody, sizeof(everybody));
    if (options->n_paths > 0)
        memcpy(all + EVERYBODY, options->paths, options->n_paths * sizeof(*all));
    int version = landlock_confine(all, n);
    free(all);
    if (version >= 0) {
        snprintf(said, 40, "landlock ABI %d", version);
        return;
    }
    if (version == -ENOSYS || version == -EOPNOTSUPP)
        log_info("this kernel has no Landlock: files are confined by their permissions only");
    else
        log_warning("cannot confine files: landlock: %s", strerror(-version));
    strcpy(said, "no landlock");
}

bool confine(const struct confine_options *options)
{
    struct privileges who;
    char files[40], syscalls[40];
    if (!privileges_find(options->user, &who)) {
        log_error("server.user: there is no user \"%s\"; make one, or name another", options->user);
        return false;
    }
    if (who.ignored)
        log_warning("server.user: only root can become %s: it goes on as the user %s",
                    options->user, who.name);
    if (options->directory != NULL)
        make_directory(options->directory, &who);
    if (!drop_privileges(options, &who))
        return false;
    if (options->privileges_only) {
        log_info("confined: user %s, no new privileges", who.name);
        return true;
    }
    confine_files(options, files);
    confine_syscalls(syscalls);
    log_info("confined: user %s, no new privileges, %s, %s", who.name, syscalls, files);
    return true;
}
