/*
 * Privileges that a process needs to start, and not to serve: given up for good.
 */
#ifndef SYS_PRIVILEGES_H
#define SYS_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#define PRIVILEGES_NAME_MAX 80

/* Whom a process is to become. */
struct privileges {
    uid_t uid;
    gid_t gid;
    bool change;                    /* it is root, and this is another */
    bool ignored;                   /* it is not root, and another was named */
    bool named;                     /* `name` has groups of its own */
    char name[PRIVILEGES_NAME_MAX]; /* of the user, or the number */
};

/* What root becomes: user (a name or a number); for "", archeio if there is such a user, else
 * nobody, which is 65534 where no file says so. Whoever is not root stays who it is. False: there
 * is no such user. */
bool privileges_find(const char *user, struct privileges *out);

/* Before the first thread, for most of it is a thread's own. Takes on the user's identity and
 * groups, empties every set of capabilities (the bounding set, too, where that is permitted), sets
 * no_new_privs, and looks whether root can be had back. Returns NULL, or what failed (static), with
 * errno; the process then still has its identity and, if it had none of them before, no
 * capability. */
const char *privileges_drop(const struct privileges *who);

/* Whether that user may open a file for reading: 0 or an errno. A child process tries it; where
 * none can be made, or it may not become that user, nothing is known, and it is 0. */
int privileges_try_read(const struct privileges *who, const char *path);

#endif
